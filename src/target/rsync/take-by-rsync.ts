import { isIPv6 } from 'node:net';
import type { IncomingBlob } from '../relay/blob-file.ts';
import { shortBlobName } from '../relay/blob-name.ts';
import type { ReceiveOptions } from '../relay/receive-from.ts';
import { formatSource, type RelayTicket } from '../relay/ticket.ts';
import { moduleName } from './daemon-files.ts';
import { compareByRsync, explainRsync } from './rsync-program.ts';

/**
 * Has rsync bring all of `blob` from one source. What is there already is compared with what the source has, so that only what is missing or wrong
 * moves; the caller's hash has the last word.
 *
 * Throws as `receiveFrom` of the relay, and `tool_missing`.
 */
export async function takeByRsync(ticket: RelayTicket, blob: IncomingBlob, options: ReceiveOptions): Promise<void> {
  const { signal, limits, onProgress } = options;
  const { address, port, identity, key } = ticket;
  const host = isIPv6(address) ? `[${address}]` : address;
  const url = `rsync://${identity}@${host}:${port}/${moduleName}/${blob.name.sha256}`;
  const seconds = (ms: number) => Math.max(1, Math.round(ms / 1000));
  const waiting = [`--contimeout=${seconds(limits.greetingMs)}`, `--timeout=${seconds(limits.silenceMs)}`];
  const args = [...waiting, '--no-motd', '--password-file=-', '--', url];
  await blob.refill(async (path) => {
    try {
      await compareByRsync([...args, path], {
        input: `${key}\n`,
        signal,
        onProgress: (bytes) => onProgress?.(Math.min(bytes, blob.name.sizeBytes)),
      });
    } catch (error) {
      throw explainRsync(error, `Cannot take blob ${shortBlobName(blob.name)} from ${formatSource(ticket)}`);
    }
  });
}
