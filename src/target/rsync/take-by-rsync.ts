import { isIPv6 } from 'node:net';
import { ScapError, toScapError } from '../../core/errors.ts';
import type { IncomingBlob } from '../relay/blob-file.ts';
import { shortBlobName } from '../relay/blob-name.ts';
import type { ReceiveOptions } from '../relay/receive-from.ts';
import { formatSource, type RelayTicket } from '../relay/ticket.ts';
import { compareByRsync, explainRsync } from './rsync-program.ts';
import { isDiskFull, watchGrowth } from './watch-growth.ts';

/**
 * Has rsync bring all of `blob` from one source. What is there already is compared with what the source has, so that only what is missing or wrong
 * moves. The source has not proved who it is: it may send anything, but no more than the blob's size, and the caller's hash has the last word.
 *
 * Throws as `receiveFrom` of the relay, and `tool_missing`. Of the limits only that for greeting counts, for connecting; who watches the copy ends
 * one that stands still.
 */
export async function takeByRsync(ticket: RelayTicket, blob: IncomingBlob, options: ReceiveOptions): Promise<void> {
  const { signal, limits, onProgress } = options;
  const { address, port, identity, key } = ticket;
  const { sha256, sizeBytes } = blob.name;
  const host = isIPv6(address) ? `[${address}]` : address;
  const url = `rsync://${identity}@${host}:${port}/${identity}/${sha256}`;
  const args = [`--contimeout=${Math.max(1, Math.round(limits.greetingMs / 1000))}`, '--no-motd', '--password-file=-'];
  const cannot = `Cannot take blob ${shortBlobName(blob.name)} from ${formatSource(ticket)}`;
  await blob.refill(async (path) => {
    const tooMuch = new AbortController();
    using _ = watchGrowth(path, sizeBytes, {
      onProgress: (bytes) => onProgress?.(bytes),
      onTooLarge: () => tooMuch.abort(),
    });
    try {
      const either = AbortSignal.any([signal, tooMuch.signal]);
      await compareByRsync([...args, '--', url, path], { input: `${key}\n`, signal: either });
    } catch (error) {
      if (tooMuch.signal.aborted && !signal.aborted)
        throw new ScapError('protocol_violation', `${cannot}: more came than it has`, { cause: error });
      throw explainPull(error, path, cannot);
    }
  });
  onProgress?.(sizeBytes);
}

/** A source can say everything that rsync says, also that this disk is full. */
function explainPull(error: unknown, path: string, cannot: string): unknown {
  if (toScapError(error)?.code !== 'disk_full' || isDiskFull(path)) return explainRsync(error, cannot);
  return new ScapError('source_lost', `${cannot}: it says that a disk is full, and ours is not`, { cause: error });
}
