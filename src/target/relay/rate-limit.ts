import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** Keeps what passes below a rate, whoever passes it; first come, first served. */
export interface RateLimit {
  /** The most that should pass at once: a fraction of a second's worth. `Infinity` without a limit. */
  readonly pieceBytes: number;
  /** Resolves when `bytes` may pass. Rejects with an `AbortError` when `signal` aborts; what was reserved stays reserved. */
  pass(bytes: number, signal: AbortSignal): Promise<void>;
}

/**
 * Writes to `to` what `chunks` brings, below the limit and as fast as it is taken, and ends it. Rejects with an `AbortError` when `signal` aborts, which
 * it must when `to` is closed: then it may never be taken.
 */
export async function writeBelow(
  limit: RateLimit,
  chunks: AsyncIterable<Buffer>,
  to: Writable,
  signal: AbortSignal,
): Promise<void> {
  for await (const chunk of chunks) await writeChunk(limit, chunk, to, signal);
  to.end();
}

/** As {@link writeBelow}, for one chunk, after which `to` stays open. */
export async function writeChunk(limit: RateLimit, chunk: Buffer, to: Writable, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < chunk.length; at += limit.pieceBytes) {
    const piece = chunk.subarray(at, at + limit.pieceBytes);
    await limit.pass(piece.length, signal);
    if (!to.write(piece)) await once(to, 'drain', { signal });
  }
}

export interface Clock {
  /** Milliseconds, from anywhere, never backwards. */
  now(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const realClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
};

/** So many pieces of a second. Fewer would make a slow source look dead, more would cost wake-ups. */
const piecesPerSecond = 8;

/** `bytesPerSecond` of 0 means no limit. Nothing is saved up: after a pause the rate is what it was before. */
export function createRateLimit(bytesPerSecond: number, clock: Clock = realClock): RateLimit {
  if (bytesPerSecond <= 0) return { pieceBytes: Number.POSITIVE_INFINITY, pass: async () => {} };
  let freeAt = Number.NEGATIVE_INFINITY;
  return {
    pieceBytes: Math.max(1, Math.floor(bytesPerSecond / piecesPerSecond)),
    pass: async (bytes, signal) => {
      const now = clock.now();
      const startAt = Math.max(now, freeAt);
      freeAt = startAt + (bytes / bytesPerSecond) * 1000;
      if (startAt > now) await clock.sleep(startAt - now, signal);
    },
  };
}
