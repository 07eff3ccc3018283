/**
 * What was thrown away is deleted outside the critical path: first it is moved into `work/`, then, when nobody waits any more, removed.
 */
import { chmodSync, lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { type BytePath, fromText, toFsPath } from '../core/byte-path.ts';
import { isSystemError } from '../core/errors.ts';
import { toCtimeMs } from './ctime-windows.ts';

export interface Trash {
  /** Notes a path for deletion. */
  add(path: string): void;
  readonly isEmpty: boolean;
  /**
   * Deletes everything noted. What cannot be deleted stays for the next sweep. `onShared` is told the ctime, in milliseconds since 1970, of
   * each file that lives on under another name, before deleting this one moves it.
   */
  empty(onShared?: OnShared): Promise<void>;
}

export type OnShared = (ctimeMs: number) => void;

export function createTrash(): Trash {
  const paths: string[] = [];
  return {
    add: (path) => {
      paths.push(path);
    },
    get isEmpty() {
      return paths.length === 0;
    },
    empty: async (onShared) => {
      for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
        await removeTree(fromText(path), onShared).catch((error: unknown) => {
          // One path that cannot be deleted must not keep the others from it.
          if (!isSystemError(error)) throw error;
        });
      }
    },
  };
}

/**
 * Removes a file or a whole tree (named by an absolute byte path), whatever its names and modes; what is already gone is no error. Never follows a symbolic link.
 * Gives the event loop its turn between directories.
 */
export async function removeTree(path: BytePath, onShared?: OnShared): Promise<void> {
  const at = toFsPath(path);
  const stats = lstatSync(at, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isDirectory()) {
    removeFile(at, onShared);
    return;
  }
  await yieldToEvents();
  // A directory without write permission keeps its owner from removing what is in it.
  if ((stats.mode & 0o700) !== 0o700) ignoreGone(() => chmodSync(at, 0o700));
  for (const entry of listEntries(at)) {
    if (entry.isDirectory) await removeTree(`${path}/${entry.name}`, onShared);
    else removeFile(toFsPath(`${path}/${entry.name}`), onShared);
  }
  ignoreGone(() => rmdirSync(at));
}

function removeFile(path: string | Buffer, onShared: OnShared | undefined): void {
  const stats = onShared && lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats !== undefined && stats.nlink > 1n) onShared?.(toCtimeMs(stats));
  ignoreGone(() => unlinkSync(path));
}

function listEntries(path: string | Buffer): { name: string; isDirectory: boolean }[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true, encoding: 'buffer' });
    return entries.map((entry) => ({
      name: (entry.name as unknown as Buffer).toString('latin1'),
      isDirectory: entry.isDirectory(),
    }));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

function ignoreGone(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTEMPTY')) throw error;
  }
}
