/**
 * An advisory lock held by a live process: `flock(2)` on a file of ours.
 *
 * util-linux's `flock` locks the descriptor it inherits; the lock belongs to our open file and stays when `flock` has exited. The
 * kernel frees it when this process dies, however it dies, and Node opens files close-on-exec, so no child keeps it alive.
 * The file itself is never removed: removing a lock file lets two holders lock two different inodes.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, ftruncateSync, openSync, readFileSync, statSync, utimesSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSystemError, ScapError } from '../core/errors.ts';
import { operatorName } from './operator-name.ts';

/** Who holds a lock, as written into it by the holder. */
export interface LockHolder {
  readonly user: string;
  readonly host: string;
  readonly pid: number;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly reason: string;
}

export interface FileLock extends Disposable {
  readonly holder: LockHolder;
  /** Frees the lock; calling it again does nothing. */
  release(): void;
}

export interface LockOptions {
  /** Why the lock is taken; shown to whoever finds it held. */
  readonly reason: string;
  /** How long to wait for another holder. Default 0: fail at once. */
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called once when the lock is found held and waiting begins. */
  readonly onWait?: ((holder: LockHolder | undefined) => void) | undefined;
}

/** Takes the lock at `path`, creating the file when needed. Throws `lock_held`, naming the holder, when it cannot be had in time. */
export async function takeLock(path: string, options: LockOptions): Promise<FileLock> {
  const deadline = Date.now() + (options.waitMs ?? 0);
  let unsigned = 0;
  for (let told = false; ; ) {
    const fd = tryLock(path);
    if (fd !== undefined) return hold(fd, options.reason);
    if (options.signal?.aborted) throw new ScapError('interrupted', `Stopped waiting for the lock "${path}"`);
    const holder = readHolder(path);
    // Nobody has signed it: somebody takes it this instant, or only looks whether it is taken.
    if (holder === undefined && unsigned++ < 5) {
      await sleep(50);
      continue;
    }
    if (Date.now() >= deadline) throw lockHeld(path, holder);
    if (!told) options.onWait?.(holder);
    told = true;
    knock(path);
    await sleep(100);
  }
}

/**
 * Returns who holds the lock at `path` now, or `undefined` when nobody does. Needs to read the file only, and several that look do not see
 * each other: the lock they try is a shared one.
 */
export function probeLock(path: string): LockHolder | undefined {
  try {
    statSync(path);
  } catch {
    return undefined;
  }
  const fd = tryLock(path, 'shared');
  if (fd === undefined) return readHolder(path) ?? unknownHolder;
  closeSync(fd);
  return undefined;
}

export interface WaiterWatch extends Disposable {
  /** Aborts when somebody waits for the lock. */
  readonly signal: AbortSignal;
}

/** Watches, as the holder of the lock at `path`, whether somebody waits for it: for work that may as well be done another time. */
export function watchForWaiters(path: string): WaiterWatch {
  const controller = new AbortController();
  const mtimeMs = () => statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  const before = mtimeMs();
  const timer = setInterval(() => {
    if (mtimeMs() !== before) controller.abort();
  }, 50);
  return { signal: controller.signal, [Symbol.dispose]: () => clearInterval(timer) };
}

/** Lets the holder see that somebody waits: the time of the file moves, which nobody but a new holder moves otherwise. */
function knock(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // It belongs to another user, who will not hear us; we wait all the same.
  }
}

const unknownHolder: LockHolder = { user: 'unknown', host: hostname(), pid: 0, since: '', reason: 'unknown' };

function tryLock(path: string, kind: 'exclusive' | 'shared' = 'exclusive'): number | undefined {
  const fd = kind === 'shared' ? openSync(path, 'r') : openSync(path, 'a+', 0o664);
  const flock = spawnSync('flock', [kind === 'shared' ? '-sn' : '-xn', '3'], {
    stdio: ['ignore', 'ignore', 'ignore', fd],
  });
  if (flock.error !== undefined || (flock.status !== 0 && flock.status !== 1)) {
    closeSync(fd);
    if (!isSystemError(flock.error, 'ENOENT'))
      throw new ScapError(
        'io_failed',
        `Cannot take the lock "${path}": flock ended with ${flock.status ?? flock.error?.message}`,
      );
    throw new ScapError('tool_missing', 'Cannot take a lock: there is no program "flock"', {
      hint: 'Install it with: apt-get install util-linux',
      cause: flock.error,
    });
  }
  // The file may have been replaced between open and lock; only a lock on what the path names now counts.
  if (flock.status === 0 && fstatSync(fd).ino === statSync(path, { throwIfNoEntry: false })?.ino) return fd;
  closeSync(fd);
  return undefined;
}

function hold(fd: number, reason: string): FileLock {
  const holder: LockHolder = {
    user: operatorName(),
    host: hostname(),
    pid: process.pid,
    since: new Date().toISOString(),
    reason,
  };
  ftruncateSync(fd);
  writeSync(fd, `${JSON.stringify(holder)}\n`);
  let held = true;
  const release = () => {
    if (!held) return;
    held = false;
    ftruncateSync(fd);
    closeSync(fd);
  };
  return { holder, release, [Symbol.dispose]: release };
}

function readHolder(path: string): LockHolder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LockHolder;
  } catch {
    return undefined;
  }
}

function lockHeld(path: string, holder: LockHolder | undefined): ScapError {
  const who = holder
    ? `${holder.user} on ${holder.host} (pid ${holder.pid}) holds it since ${holder.since}: ${holder.reason}`
    : 'another process holds it';
  return new ScapError('lock_held', `Cannot take the lock "${path}": ${who}`, {
    hint: 'Wait for that run to end, or pass --wait 10m',
    data: { path, holder: holder ?? null },
  });
}
