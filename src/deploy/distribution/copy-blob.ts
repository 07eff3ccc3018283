import { isIP } from 'node:net';
import { ScapError, toScapError } from '../../core/errors.ts';
import { withPatience } from '../../core/patience.ts';
import type { BlobName } from '../../target/relay/blob-name.ts';
import type { RateLimit } from '../../target/relay/rate-limit.ts';
import type { RelayTicket } from '../../target/relay/ticket.ts';
import type { AgentNotice } from '../../transport/protocol.ts';
import type { ReadyBundle } from '../bundle-store.ts';
import { grantBlob, type Listening, openBlob, revokeTicket, takeBlob } from '../relay-client.ts';
import { pushBlob } from './push-blob.ts';
import type { Receiver } from './receiver.ts';
import { sendBlob } from './send-blob.ts';

/** Where a copy comes from: a target that has the blob, or will, or the deploy host's file. */
export type CopySource = Peer | ReadyBundle;

/** A target that takes part in a distribution. */
export type Peer = Pick<Receiver, 'host' | 'connection'>;

export interface CopyOptions {
  readonly blob: BlobName;
  readonly child: Peer;
  readonly source: CopySource;
  readonly listening: Listening;
  readonly timeoutMs: number;
  /** Of what the deploy host sends. */
  readonly limit: RateLimit;
  /** Ends the copy; what has arrived is kept. */
  readonly signal: AbortSignal;
  /** Told how many bytes the child has. */
  readonly onProgress: (availableBytes: number) => void;
}

/** A source that is busy making its own revision may take a while to answer; another may be quicker. */
const grantPatienceMs = 10_000;
const connectWithinMs = 15_000;
/** A copy may take as long as its bytes keep coming, as slowly as `bwlimit` says: one that stands still is stopped by who watches it. */
const takeWithinMs = 24 * 60 * 60_000;

/**
 * Makes one copy of a blob, from where the child is. Returns when the child has checked all of it.
 *
 * Throws `source_lost`, `source_refused` or `relay_unavailable` when the source or the way to it is to blame, `blob_damaged`, `interrupted`, and what
 * else the child reports.
 */
export async function copyBlob(options: CopyOptions): Promise<void> {
  const { blob, child, source, timeoutMs, limit, signal, onProgress } = options;
  if ('openFrom' in source) {
    // It has said what it had some time ago, and may have got more since.
    const held = await openBlob(child.connection, blob, options.listening, { timeoutMs, signal });
    onProgress(held.availableBytes);
    if (held.whole) return;
    if (options.listening.carrier === 'rsync')
      await pushBlob(child, source, { timeoutMs: takeWithinMs, limit, signal, onProgress });
    else
      await sendBlob(child.connection, source, { offset: held.availableBytes, timeoutMs, limit, signal, onProgress });
    return;
  }
  const ticket = await getTicket(source, options);
  const onNotice = (notice: AgentNotice) => {
    if (notice.kind === 'progress' && notice.step === 'receive') onProgress(Math.min(notice.done, blob.sizeBytes));
  };
  try {
    await takeBlob(child.connection, blob, ticket, {
      timeoutMs: takeWithinMs,
      signal,
      onNotice,
      title: 'fetch',
    });
  } catch (error) {
    revokeTicket(source.connection, ticket, { timeoutMs });
    const available = toScapError(error)?.data.availableBytes;
    if (typeof available === 'number') onProgress(Math.min(available, blob.sizeBytes));
    throw error;
  }
}

async function getTicket(source: Peer, { blob, child, listening, timeoutMs }: CopyOptions): Promise<RelayTicket> {
  // Not with a deadline of its own: that would cost the source its connection, and its part in the run.
  const granted = grantBlob(source.connection, blob, { child: child.host.name, ttlMs: connectWithinMs }, { timeoutMs });
  try {
    const ticket = await withPatience(granted, grantPatienceMs);
    if (ticket !== undefined) return checkTicket(ticket, source, listening);
    granted.then((unused) => revokeTicket(source.connection, unused, { timeoutMs })).catch(() => {});
    throw cannotTake(source, `it did not answer for ${grantPatienceMs} ms`);
  } catch (error) {
    // Whatever the source says of itself, the child is not to blame.
    if (error instanceof ScapError && (error.code === 'relay_unavailable' || error.code === 'source_lost')) throw error;
    throw cannotTake(source, error instanceof Error ? error.message : String(error), error);
  }
}

/** Others connect to where a ticket says: it must not send them just anywhere. */
function checkTicket(ticket: RelayTicket, source: Peer, { ports }: Listening): RelayTicket {
  if (isIP(ticket.address) !== 0 && ticket.port >= ports.first && ticket.port <= ports.last) return ticket;
  throw cannotTake(source, 'its ticket names a place that is none of its own');
}

function cannotTake(source: Peer, why: string, cause?: unknown): ScapError {
  return new ScapError('source_lost', `Cannot take a blob from ${source.host.name}: ${why}`, { cause });
}

/** Whether another copy may succeed where this one did not. */
export function isOfCopy({ code }: ScapError, fromDeployHost: boolean): boolean {
  if (code === 'source_lost' || code === 'source_refused' || code === 'relay_unavailable') return true;
  return code === 'protocol_violation' && !fromDeployHost;
}
