import { closeSync, openSync, readSync } from 'node:fs';
import { isSystemError } from '../core/errors.ts';

const pieceBytes = 64 * 1024;
const newline = 0x0a;

/** Reads lines of a file that somebody still appends to. */
export interface GrowingFile extends Disposable {
  /**
   * The lines that were completed since the last call, in their order and without their ends; none while the file is not there yet. Never waits.
   * Lines are decoded as a whole, so it does not matter where the writer's bytes were cut. To be taken to the end: what was not is lost.
   */
  readLines(): Generator<string, void, void>;
  /** What stands after the last end of a line; empty when nothing does. */
  rest(): string;
}

/** Opens `path`, now or when it appears. The file must only grow: one that is replaced or cut short is not noticed. */
export function openGrowingFile(path: string): GrowingFile {
  let fd: number | undefined;
  let position = 0;
  const buffer = Buffer.alloc(pieceBytes);
  // The beginning of a line, in the pieces it came in: joining them each time would take quadratic time for a long one.
  let begun: Buffer[] = [];
  const takeLine = (end: Buffer) => {
    const line = Buffer.concat([...begun, end]).toString('utf8');
    begun = [];
    return line;
  };
  return {
    *readLines() {
      fd ??= openIfThere(path);
      while (fd !== undefined) {
        const piece = buffer.subarray(0, readSync(fd, buffer, 0, pieceBytes, position));
        if (piece.length === 0) return;
        position += piece.length;
        let start = 0;
        for (let end = piece.indexOf(newline); end >= 0; end = piece.indexOf(newline, start)) {
          yield takeLine(piece.subarray(start, end));
          start = end + 1;
        }
        if (start < piece.length) begun.push(Buffer.from(piece.subarray(start)));
      }
    },
    rest: () => Buffer.concat(begun).toString('utf8'),
    [Symbol.dispose]: () => {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}
