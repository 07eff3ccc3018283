import type { Writable } from 'node:stream';
import type { Blob } from './blob-file.ts';
import type { RateLimit } from './rate-limit.ts';
import { encodeSign, frameHeaderBytes, type Verdict, writeBytesHeader } from './wire.ts';

/** Large enough to keep a fast network busy with one write at a time, small enough to have one for each child. */
const pieceBytes = 256 * 1024;

export interface ServeOptions {
  /** Where the child begins; at most the size of the blob. */
  readonly offset: number;
  /** Shared by all children of a source. */
  readonly limit: RateLimit;
  /** How often a child that waits is told that we are there, in milliseconds. */
  readonly aliveEveryMs: number;
  /** Aborted when the child is gone. */
  readonly signal: AbortSignal;
}

export interface Served {
  /** Bytes of the blob that the network took; equal to what the child got once it got everything. */
  readonly servedBytes: number;
  /** What the child was told at the end; `lost` when it went before that. */
  readonly outcome: Verdict | 'lost';
}

/**
 * Sends a child the frames of a blob, as they become available and as fast as the child takes them, then the verdict, and ends the stream.
 * Holds one piece in memory. Never throws for the child's sake or the blob's: see `outcome`.
 */
export async function serveChild(child: Writable, blob: Blob, options: ServeOptions): Promise<Served> {
  const progress = { offset: options.offset };
  const alive = setInterval(() => {
    if (!options.signal.aborted && child.writableLength === 0) child.write(encodeSign('alive'));
  }, options.aliveEveryMs);
  let outcome: Served['outcome'] = 'lost';
  try {
    const verdict = await sendBytes(child, blob, progress, options);
    clearInterval(alive);
    await write(child, encodeSign(verdict));
    outcome = verdict;
  } catch (error) {
    if (!options.signal.aborted && !child.destroyed) throw error;
  } finally {
    clearInterval(alive);
    child.end();
  }
  return { servedBytes: progress.offset - options.offset, outcome };
}

async function sendBytes(
  child: Writable,
  blob: Blob,
  progress: { offset: number },
  { limit, signal }: ServeOptions,
): Promise<Verdict> {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + Math.min(pieceBytes, limit.pieceBytes));
  for (;;) {
    signal.throwIfAborted();
    if (blob.verdict === 'damaged' || blob.verdict === 'gone') return blob.verdict;
    if (blob.verdict === 'whole' && progress.offset === blob.name.sizeBytes) return 'whole';
    const length = Math.min(frame.length - frameHeaderBytes, blob.availableBytes - progress.offset);
    if (length <= 0) {
      await blob.changed(signal);
      continue;
    }
    await limit.pass(length, signal);
    const bytes = frame.subarray(0, frameHeaderBytes + length);
    try {
      await blob.read(bytes.subarray(frameHeaderBytes), progress.offset);
    } catch {
      // Closed or emptied meanwhile, or a disk that fails: in any case the child has to go on elsewhere.
      return unreadable(blob);
    }
    writeBytesHeader(frame, length);
    await write(child, bytes);
    progress.offset += length;
  }
}

function unreadable({ verdict }: Blob): Verdict {
  return verdict === 'damaged' ? verdict : 'gone';
}

/** Resolves when the network took the bytes: from then on the buffer is ours again. */
function write(child: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    child.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
