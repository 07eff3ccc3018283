import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from './process.ts';

/**
 * Replaces or creates the file `path` so that a reader, and a crash, sees the old or the new content whole.
 *
 * The content is written to a temporary file in the same directory, flushed, renamed over `path`, and the directory is flushed.
 */
export function writeFileAtomic(path: string, content: string | Buffer, mode = 0o644): void {
  replaceFile(path, content, { mode, flush: true });
  flushDirectory(dirname(path));
}

/**
 * As {@link writeFileAtomic}, for what may be lost in a power cut: a reader sees the old or the new content whole, and nothing waits for the
 * disk.
 */
export function writeFileSwiftly(path: string, content: string | Buffer, mode = 0o644): void {
  replaceFile(path, content, { mode, flush: false });
}

function replaceFile(path: string, content: string | Buffer, { mode, flush }: { mode: number; flush: boolean }): void {
  const temporary = temporaryName(path);
  try {
    const fd = openSync(temporary, 'wx', mode);
    try {
      writeAll(fd, typeof content === 'string' ? Buffer.from(content) : content);
      if (flush) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Writes all of `content`; a single `write(2)` may take less. */
export function writeAll(fd: number, content: Buffer): void {
  for (let at = 0; at < content.length; ) at += writeSync(fd, content, at);
}

/** Makes renames, creations and removals in `directory` survive a power cut. */
export function flushDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Flushes everything written to the file system that holds `path` (`syncfs(2)`): one call for a whole tree. */
export async function flushFileSystem(path: string): Promise<void> {
  await run(['sync', '-f', path]);
}

/** A name in the same directory as `path` that no other process uses: `.<name>.<random>.scap-tmp`. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}${temporarySuffix}`);
}

/** How every leftover of an interrupted atomic write can be told apart. */
export const temporarySuffix = '.scap-tmp';
