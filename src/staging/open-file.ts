import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { gitMode } from '../core/manifest.ts';

/**
 * Opens a regular file for reading; `undefined` when something else stands there by now. Neither a link nor a FIFO that took the file's place is
 * followed or waited for.
 */
export function openRegular(path: string | Buffer): number | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  return undefined;
}

/** The content of a file that fits in memory, or the target of a link; `undefined` when something else stands there by now. */
export function readContent(path: string | Buffer, mode: number): Buffer | undefined {
  if (mode === gitMode.symlink) return readlinkSync(path, { encoding: 'buffer' });
  const fd = openRegular(path);
  if (fd === undefined) return undefined;
  try {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}
