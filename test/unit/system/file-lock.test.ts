import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { probeLock, takeLock, watchForWaiters } from '../../../src/system/file-lock.ts';
import { useTempDirs } from '../../support/temp-dir.ts';

const tempDir = useTempDirs();
let directory: string;
let path: string;
beforeEach(() => {
  directory = tempDir();
  path = join(directory, 'lock');
});
afterEach(() => vi.unstubAllEnvs());

const reason = 'a test';

/** Takes the lock as somebody does who has not signed it yet; returns what frees it. */
function takeUnsigned(): () => void {
  const fd = openSync(path, 'a+');
  expect(spawnSync('flock', ['-xn', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] }).status).toBe(0);
  return () => closeSync(fd);
}

/** From now on `flock` is this shell script. */
function fakeFlock(script: string): void {
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'flock'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, 'flock'), 0o755);
  vi.stubEnv('PATH', bin);
}

describe('takeLock()', () => {
  it('[B34] signs the lock, names its holder to the next, and is free again when released', async () => {
    {
      using lock = await takeLock(path, { reason });
      expect(lock.holder).toMatchObject({ pid: process.pid, reason });
      expect(probeLock(path)).toEqual(lock.holder);
      await expect(takeLock(path, { reason: 'another' })).rejects.toMatchObject({
        code: 'lock_held',
        message: expect.stringContaining(`pid ${process.pid}`),
        data: { path, holder: { reason } },
      });
    }
    expect(probeLock(path)).toBeUndefined();
    expect(readFileSync(path, 'utf8')).toBe('');
    (await takeLock(path, { reason })).release();
  });

  it('[B34] fails at once when it is signed, and waits as long as it may', async () => {
    using lock = await takeLock(path, { reason });
    const startedAt = Date.now();
    await expect(takeLock(path, { reason })).rejects.toMatchObject({ code: 'lock_held' });
    expect(Date.now() - startedAt).toBeLessThan(200);
    const told: unknown[] = [];
    setTimeout(() => lock.release(), 250);
    (await takeLock(path, { reason, waitMs: 5000, onWait: (holder) => told.push(holder) })).release();
    expect(told).toEqual([lock.holder]);
  });

  it('[B34] tries again for a moment when nobody has signed it: somebody may only be looking', async () => {
    const free = takeUnsigned();
    setTimeout(free, 80);
    (await takeLock(path, { reason })).release();
  });

  it('[B34] gives up when nobody signs it', async () => {
    const free = takeUnsigned();
    const startedAt = Date.now();
    await expect(takeLock(path, { reason })).rejects.toMatchObject({
      code: 'lock_held',
      message: expect.stringContaining('another process holds it'),
      data: { path, holder: null },
    });
    expect(Date.now() - startedAt).toBeLessThan(2000);
    expect(probeLock(path)).toMatchObject({ user: 'unknown', pid: 0 });
    free();
  });

  it('[B36] stops waiting when asked to', async () => {
    using _lock = await takeLock(path, { reason });
    await expect(takeLock(path, { reason, waitMs: 5000, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'interrupted',
    });
  });

  it.each([
    ['ends with 64', 'exit 64', 'flock ended with 64'],
    ['ends with 2', 'exit 2', 'flock ended with 2'],
    ['is killed', 'kill -9 $$', 'flock ended with'],
  ])('a flock that %s is not taken for a lock that is held', async (_what, script, text) => {
    fakeFlock(script);
    const failure = { code: 'io_failed', message: expect.stringContaining(text) };
    await expect(takeLock(path, { reason })).rejects.toMatchObject(failure);
    expect(() => probeLock(path)).toThrow(expect.objectContaining(failure));
  });

  it('without a flock says which package has it', async () => {
    vi.stubEnv('PATH', join(directory, 'none'));
    await expect(takeLock(path, { reason })).rejects.toMatchObject({
      code: 'tool_missing',
      hint: expect.stringContaining('util-linux'),
    });
  });
});

describe('probeLock()', () => {
  it('creates nothing', () => {
    expect(probeLock(path)).toBeUndefined();
    expect(() => readFileSync(path)).toThrow('ENOENT');
  });

  it('does not take somebody who looks as well for a holder', () => {
    const fd = openSync(path, 'a+');
    expect(spawnSync('flock', ['-sn', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] }).status).toBe(0);
    expect(probeLock(path)).toBeUndefined();
    closeSync(fd);
  });
});

describe('watchForWaiters()', () => {
  it('tells the holder that somebody waits, and of nobody who only looks or does not wait', async () => {
    const lock = await takeLock(path, { reason });
    using waiters = watchForWaiters(path);
    expect(probeLock(path)).toMatchObject({ reason });
    await expect(takeLock(path, { reason })).rejects.toMatchObject({ code: 'lock_held' });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(waiters.signal.aborted).toBe(false);
    waiters.signal.addEventListener('abort', () => lock.release());
    (await takeLock(path, { reason, waitMs: 5000 })).release();
    expect(waiters.signal.aborted).toBe(true);
  });
});
