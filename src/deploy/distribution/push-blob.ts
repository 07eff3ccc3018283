import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { ScapError, toScapError } from '../../core/errors.ts';
import type { Argv } from '../../system/process.ts';
import { createTargetLayout } from '../../target/layout.ts';
import { partPath } from '../../target/relay/blob-file.ts';
import { type RateLimit, writeBelow } from '../../target/relay/rate-limit.ts';
import { compareByRsync, explainRsync } from '../../target/rsync/rsync-program.ts';
import type { Connection } from '../../transport/connection.ts';
import type { ReadyBundle } from '../bundle-store.ts';
import { receiveBlob } from '../relay-client.ts';
import type { Peer } from './copy-blob.ts';

export interface PushOptions {
  /** For the whole copy, in milliseconds. */
  readonly timeoutMs: number;
  /** Shared by all copies that the deploy host makes. */
  readonly limit: RateLimit;
  readonly signal: AbortSignal;
  /** Told how many bytes the target has; never that it has all. */
  readonly onProgress: (availableBytes: number) => void;
}

/** rsync sends a file again when its own checksum did not fit, once; and it says something beside. */
const mostSent = ({ sizeBytes }: ReadyBundle) => 2 * sizeBytes + 16 * 1024 * 1024;

/**
 * Has rsync bring a blob to a target, over the connection that is open anyway; what is there already is compared. Returns when the target has checked
 * all of it. Throws `source_lost` when rsync fails at either end, `blob_damaged`, `disk_full`, `interrupted`, `connection_lost`, and what else the
 * target reports.
 */
export async function pushBlob(peer: Peer, bundle: ReadyBundle, options: PushOptions): Promise<void> {
  const { connection } = peer;
  const { timeoutMs, signal, onProgress } = options;
  const ended = new AbortController();
  const received = receiveBlob(connection, bundle, {
    timeoutMs,
    signal: ended.signal,
    title: 'fetch',
    onNotice: (notice) => {
      // Until it was checked it may stand still in any place.
      if (notice.kind === 'progress') onProgress(Math.min(notice.done, bundle.sizeBytes - 1));
    },
  }).then(
    () => undefined,
    (error: unknown) => error ?? new Error('failed'),
  );
  // A target that cannot receive, or is gone, ends rsync too.
  const refused = new AbortController();
  void received.then((error) => error !== undefined && refused.abort());
  const failure = await runRsync(peer, bundle, { ...options, signal: AbortSignal.any([signal, refused.signal]) });
  ended.abort();
  const why = await received;
  if (why === undefined) return;
  // What the target says of its disk and its connection says more than that rsync has failed; that something is missing says less.
  throw signal.aborted || toScapError(why)?.code === 'source_lost' ? (failure ?? why) : why;
}

/** Returns what went wrong. */
async function runRsync(
  { host, connection }: Peer,
  bundle: ReadyBundle,
  { limit, signal }: PushOptions,
): Promise<unknown> {
  const part = partPath(createTargetLayout(host.cache, host.live).blob(bundle.sha256));
  try {
    await compareByRsync(['--', bundle.path, `target:${part}`], {
      signal,
      connect: (args, streams) => join(streams, connection, ['rsync', ...args], { limit, most: mostSent(bundle) }),
    });
    return undefined;
  } catch (error) {
    return explainRsync(error, `Cannot bring a blob to ${host.name}`);
  }
}

interface JoinLimits {
  readonly limit: RateLimit;
  /** Bytes that may be sent at most: the target says what it wants. */
  readonly most: number;
}

/** Connects this end's rsync with the target's, until that has ended. Throws what keeps that from being started. */
async function join(near: Duplex, connection: Connection, argv: Argv, { limit, most }: JoinLimits): Promise<void> {
  const gone = new AbortController();
  near.once('close', () => gone.abort());
  const far = await connection.execute(argv);
  gone.signal.addEventListener('abort', far.kill);
  if (near.destroyed) far.kill();
  far.stdin.on('error', () => {});
  far.stdout.pipe(near);
  let tooMuch: ScapError | undefined;
  writeBelow(limit, upTo(most, near), far.stdin, gone.signal).catch((error: unknown) => {
    tooMuch = toScapError(error);
    far.kill();
    near.destroy();
  });
  await far.ended;
  // It reads what the other has said last, and ends.
  if (!gone.signal.aborted) await once(gone.signal, 'abort');
  if (tooMuch !== undefined) throw tooMuch;
}

async function* upTo(most: number, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let sent = 0;
  for await (const chunk of chunks) {
    sent += chunk.length;
    if (sent > most)
      throw new ScapError('protocol_violation', 'Cannot bring a blob: the target wants more than there is');
    yield chunk;
  }
}
