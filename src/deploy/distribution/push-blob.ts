import type { Duplex } from 'node:stream';
import type { Argv } from '../../system/process.ts';
import { createTargetLayout } from '../../target/layout.ts';
import { partPath } from '../../target/relay/blob-file.ts';
import { type RateLimit, writeBelow } from '../../target/relay/rate-limit.ts';
import { compareByRsync, explainRsync, requireRsync } from '../../target/rsync/rsync-program.ts';
import type { Connection } from '../../transport/connection.ts';
import type { ReadyBundle } from '../bundle-store.ts';
import { reviewBlob } from '../relay-client.ts';
import type { Peer } from './copy-blob.ts';

export interface PushOptions {
  readonly timeoutMs: number;
  /** Shared by all copies that the deploy host makes. */
  readonly limit: RateLimit;
  readonly signal: AbortSignal;
  /** Told how many bytes the target has. */
  readonly onProgress: (availableBytes: number) => void;
}

/**
 * Has rsync bring a blob to a target, over the connection that is open anyway; what is there already is compared. Returns when the target has checked
 * all of it. Throws `source_lost` when rsync fails at either end, `blob_damaged`, `tool_missing`, `interrupted`, and what the target reports.
 */
export async function pushBlob(
  { host, connection }: Peer,
  bundle: ReadyBundle,
  { timeoutMs, limit, signal, onProgress }: PushOptions,
): Promise<void> {
  await requireRsync('the deploy host');
  const part = partPath(createTargetLayout(host.cache, host.live).blob(bundle.sha256));
  try {
    await compareByRsync(['--', bundle.path, `target:${part}`], {
      signal,
      onProgress,
      connect: (args, streams) => join(streams, connection, ['rsync', ...args], limit),
    });
  } catch (error) {
    throw explainRsync(error, `Cannot bring a blob to ${host.name}`);
  }
  await reviewBlob(connection, bundle, { timeoutMs, signal, title: 'fetch' });
}

/** Connects this end's rsync with the target's, until that has ended. */
async function join(near: Duplex, connection: Connection, argv: Argv, limit: RateLimit): Promise<void> {
  const gone = new AbortController();
  near.once('close', () => gone.abort());
  const far = await connection.execute(argv);
  gone.signal.addEventListener('abort', far.kill);
  if (near.destroyed) far.kill();
  far.stdin.on('error', () => {});
  far.stdout.pipe(near);
  writeBelow(limit, near, far.stdin, gone.signal).catch(far.kill);
  await far.ended;
}
