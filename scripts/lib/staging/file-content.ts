import { createRandom, drawBelow } from '../prng.ts';
import { type ContentKind, createTextPool, type TextPool } from './text-pool.ts';
import { drawPhrase } from './words.ts';

/** What to fill a file with. */
export interface ContentRequest {
  readonly kind: ContentKind;
  /** Names the content: equal keys give equal bytes. */
  readonly key: string;
  readonly sizeBytes: number;
  /** Set on files that differ a little from the content of the same key: names the edit. */
  readonly edit?: string | undefined;
}

/** Makes file contents. The buffer it returns is reused by the next call: write or copy it at once. */
export type ContentWriter = (request: ContentRequest) => Buffer;

interface Frame {
  readonly head: (key: string) => string;
  readonly note: (text: string) => string;
  readonly tail: (padding: string) => string;
}

const PADDING = drawPhrase(createRandom('padding'), 2000);
const PADDING_BYTES = 4096;
const EDIT_EVERY_RUNS = 40;

const FRAMES: Readonly<Record<ContentKind, Frame>> = {
  php: { head: (key) => `<?php\n// ${key}\n`, note: (text) => `// ${text}\n`, tail: (padding) => `// ${padding}\n` },
  json: {
    head: (key) => `{\n\t"@file": "${key}",\n`,
    note: (text) => `\t"@note ${text}": "${text}",\n`,
    tail: (padding) => `\t"@end": "${padding}"\n}\n`,
  },
  js: { head: (key) => `// ${key}\n`, note: (text) => `// ${text}\n`, tail: (padding) => `// ${padding}\n` },
  css: { head: (key) => `/* ${key} */\n`, note: (text) => `/* ${text} */\n`, tail: (padding) => `/* ${padding} */\n` },
  text: { head: (key) => `# ${key}\n`, note: (text) => `* ${text}\n`, tail: (padding) => `${padding}\n` },
  binary: {
    head: (key) => `\u007fIMG\u0000${key}\u0000`,
    note: (text) => `\u0000${text}\u0000`,
    tail: (padding) => `\u0000${padding}`,
  },
};

/**
 * Creates a writer of file contents, each cut from pools of text that are generated once.
 * A content has exactly the size asked for, unless that is too small for its first and last line.
 */
export function createContentWriter(seed: string): ContentWriter {
  const pools = new Map<ContentKind, TextPool>();
  let buffer = Buffer.allocUnsafe(4 * 1024 * 1024);
  return (request) => {
    const pool = pools.get(request.kind) ?? createTextPool(request.kind, seed);
    pools.set(request.kind, pool);
    const needed = request.sizeBytes + PADDING_BYTES;
    if (buffer.length < needed) buffer = Buffer.allocUnsafe(needed * 2);
    return buffer.subarray(0, fill(buffer, pool, seed, request));
  };
}

/** Fills the buffer with head, runs of units and a padded tail; returns the length in bytes. */
function fill(buffer: Buffer, pool: TextPool, seed: string, request: ContentRequest): number {
  const { key, kind, edit } = request;
  const frame = FRAMES[kind];
  const random = createRandom(seed, key);
  let at = buffer.write(frame.head(key));
  if (edit !== undefined) at += buffer.write(frame.note(`changed in ${edit}`), at);
  const end = request.sizeBytes - frame.tail('').length;
  for (let run = 1, misses = 0; misses < 4; run++) {
    const first = drawBelow(random, pool.offsets.length - 8);
    const from = pool.offsets[first] ?? 0;
    const to = pool.offsets[first + 1 + (end - at > 8192 ? drawBelow(random, 6) : 0)] ?? from;
    if (at + to - from > end) {
      misses++;
      continue;
    }
    at += pool.bytes.copy(buffer, at, from, to);
    const note = edit !== undefined && run % EDIT_EVERY_RUNS === 0 ? frame.note(`${edit} run ${String(run)}`) : '';
    if (at + note.length <= end) at += buffer.write(note, at);
  }
  const padding = drawBelow(random, PADDING.length - PADDING_BYTES);
  const paddingBytes = Math.min(PADDING_BYTES - 64, Math.max(0, end - at));
  return at + buffer.write(frame.tail(PADDING.slice(padding, padding + paddingBytes)), at);
}
