import { ScapError } from '../../core/errors.ts';
import type { RateLimit } from '../../target/relay/rate-limit.ts';
import type { Holding } from '../../target/relay/target-relay.ts';
import type { Connection } from '../../transport/connection.ts';
import type { ReadyBundle } from '../bundle-store.ts';
import { giveBlob } from '../relay-client.ts';

export interface SendOptions {
  /** The first byte to be sent. */
  readonly offset: number;
  readonly timeoutMs: number;
  /** Shared by all copies that the deploy host makes. */
  readonly limit: RateLimit;
  readonly signal: AbortSignal;
  /** Told how many bytes the target has. */
  readonly onProgress: (availableBytes: number) => void;
}

/** Small: a request that comes between two of them, for a ticket say, has to wait for those that are on their way. */
const pieceBytes = 256 * 1024;
/** So many pieces are on their way at once: what fits into this time at the rate so far, at least and at most so many. */
const aheadMs = 500;
const leastAhead = 2;
const mostAhead = 16;

/**
 * Brings a blob to a target over its control connection, in pieces between which other requests pass. Returns when the target has checked all
 * of it. Throws `interrupted` when `signal` aborts, between two pieces; else what the target reports.
 */
export async function sendBlob(
  connection: Connection,
  bundle: ReadyBundle,
  { offset, timeoutMs, limit, signal, onProgress }: SendOptions,
): Promise<void> {
  const answers: Promise<Holding>[] = [];
  let arrived = offset;
  let whole = false;
  const hear = async () => {
    const holding = await answers.shift();
    if (holding === undefined) return;
    arrived = holding.availableBytes;
    onProgress(arrived);
    whole ||= holding.whole;
  };
  let at = offset;
  const startedAt = performance.now();
  // By what was answered: what was only written may still lie in a buffer of ours.
  const piecesAhead = () => {
    const bytesPerMs = (arrived - offset) / Math.max(1, performance.now() - startedAt);
    return Math.min(mostAhead, Math.max(leastAhead, (bytesPerMs * aheadMs) / pieceBytes));
  };
  try {
    for await (const piece of bundle.openFrom(
      offset,
      Math.min(pieceBytes, limit.pieceBytes),
    ) as AsyncIterable<Buffer>) {
      await limit.pass(piece.length, signal).catch(() => {});
      if (signal.aborted) throw new ScapError('interrupted', 'Stopped sending a blob on request');
      const answer = giveBlob(connection, bundle, at, piece, { timeoutMs, title: 'fetch' });
      // What goes wrong is told when its turn comes.
      answer.catch(() => {});
      answers.push(answer);
      at += piece.length;
      while (answers.length >= piecesAhead()) await hear();
    }
    while (answers.length > 0) await hear();
  } finally {
    // Whoever comes next must not come between pieces of this copy.
    await Promise.allSettled(answers);
  }
  if (!whole) throw new ScapError('protocol_violation', 'Cannot use what the target said of a blob: it misses bytes');
}
