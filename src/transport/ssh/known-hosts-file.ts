import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, readSync } from 'node:fs';
import { dirname } from 'node:path';
import { isSystemError, ScapError, toScapError } from '../../core/errors.ts';
import { writeAll } from '../../system/atomic-file.ts';
import { type KnownHosts, parseKnownHosts } from './known-hosts.ts';

/**
 * Reads the files, in their order; one that does not exist is empty. `~` is not expanded.
 *
 * Throws `permission_denied` for a file that may not be read, `io_failed` for what cannot be: leaving one out could hide a revocation.
 */
export function readKnownHostsFiles(paths: readonly string[]): KnownHosts[] {
  return paths.map((path) => parseKnownHosts(readText(path), path));
}

/**
 * Appends lines, given without their line ends, in one write, so that several programs may record at once. A last line without its
 * end gets one first. The file is made with mode 0600, missing directories with 0700; those that exist keep their modes.
 *
 * Throws `permission_denied`, `disk_full` or `io_failed`.
 */
export function recordHostKeys(path: string, lines: readonly string[]): void {
  if (lines.length === 0) return;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(path, 'a+', 0o600);
    try {
      const text = lines.map((line) => `${line}\n`).join('');
      writeAll(fd, Buffer.from(endsWithinLine(fd) ? `\n${text}` : text));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw toScapError(error) ?? error;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return '';
    if (isSystemError(error, 'EACCES', 'EPERM'))
      throw new ScapError('permission_denied', `Cannot read the known host keys in "${path}": permission denied`, {
        hint: 'Let the user that runs scap read that file, or name another in ssh.knownHosts',
        data: { path },
        cause: error,
      });
    throw toScapError(error) ?? error;
  }
}

function endsWithinLine(fd: number): boolean {
  const { size } = fstatSync(fd);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last.toString('latin1') !== '\n';
}
