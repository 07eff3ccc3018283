// Reading a log while somebody writes it: real files, a real lock.
import { appendFileSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { findRun, findRunToFollow, isAlive, type LoggedRun, readRunLog } from '../../src/deploy/run-log-reader.ts';
import { createStateLayout, type StateLayout } from '../../src/deploy/state-layout.ts';
import { takeLock } from '../../src/system/file-lock.ts';
import { openGrowingFile } from '../../src/system/growing-file.ts';
import { sha } from '../support/deploy-facts.ts';
import { until } from '../support/operator.ts';
import { useTempDirs } from '../support/temp-dir.ts';

const tempDir = useTempDirs();
const never = new AbortController().signal;
let layout: StateLayout;
beforeEach(() => {
  layout = createStateLayout(tempDir());
  mkdirSync(layout.logs);
});

const note = '{"type":"host.noted","at":1,"message":"Grüße 漢字 🎉"}';
const end = '{"type":"run.finished","at":2}';

function write(n: number, text: string): LoggedRun {
  writeFileSync(layout.runLog(n, sha('a')), text);
  return findRun(layout, n);
}

/** Reads in the background; `lines` grows. */
function read(run: LoggedRun, { follow = true, signal = never } = {}) {
  const lines: string[] = [];
  const done = (async () => {
    for await (const { text } of readRunLog(layout, run, { follow, signal })) lines.push(text);
  })();
  return { lines, done };
}

describe('openGrowingFile()', () => {
  it('[B45] puts lines together wherever the writer cut them, within a character too', () => {
    const path = layout.runLog(1, sha('a'));
    const bytes = Buffer.from(`${note}\n\n${note}\r\nrest ü`);
    for (const pieceBytes of [1, 2, 3, 7, bytes.length]) {
      rmSync(path, { force: true });
      using file = openGrowingFile(path);
      expect([...file.readLines()]).toEqual([]);
      const lines: string[] = [];
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        appendFileSync(path, bytes.subarray(at, at + pieceBytes));
        lines.push(...file.readLines());
      }
      expect(lines).toEqual([note, '', `${note}\r`]);
      expect(file.rest()).toBe('rest ü');
      expect([...file.readLines()]).toEqual([]);
    }
  });

  it('reads lines longer than what it reads at once', () => {
    const path = layout.runLog(1, sha('a'));
    const long = 'ü'.repeat(200_001);
    writeFileSync(path, `a\n${long}\n${long}\nb`);
    using file = openGrowingFile(path);
    expect([...file.readLines()]).toEqual(['a', long, long]);
    expect(file.rest()).toBe('b');
  });
});

describe('findRun()', () => {
  it('[B51] finds a run by its number, and the newest', () => {
    for (const n of [2, 9, 10]) write(n, '');
    expect(findRun(layout).n).toBe(10);
    expect(findRun(layout, 9)).toEqual({ n: 9, path: layout.runLog(9, sha('a')) });
  });

  it('says what there is instead', () => {
    expect(() => findRun(layout)).toThrow(
      expect.objectContaining({ code: 'run_unknown', hint: expect.stringContaining('--follow') }),
    );
    write(3, '');
    expect(() => findRun(layout, 4)).toThrow(
      expect.objectContaining({
        code: 'run_unknown',
        message: expect.stringContaining('run 3'),
        data: { n: 4, newest: 3 },
      }),
    );
  });
});

describe('isAlive()', () => {
  it('[B51] a run is alive while the lock is held, it is the newest, and its log was written by the holder', async () => {
    const run = write(1, note);
    expect(isAlive(layout, run)).toBe(false);
    using _lock = await takeLock(layout.lock, { reason: 'push' });
    // Killed before the holder came, who has no log yet.
    utimesSync(run.path, new Date(), new Date(Date.now() - 5000));
    expect(isAlive(layout, run)).toBe(false);
    const next = write(2, note);
    utimesSync(next.path, new Date(), new Date(Date.now() + 5000));
    expect(isAlive(layout, next)).toBe(true);
    expect(isAlive(layout, run)).toBe(false);
    rmSync(next.path);
    expect(isAlive(layout, next)).toBe(false);
  });
});

describe('readRunLog()', () => {
  it('[B51] without following ends with the file, whether the run has ended or not', async () => {
    const { lines, done } = read(write(1, `${note}\nnoise\n{"type":"ho`), { follow: false });
    await done;
    expect(lines).toEqual([note, 'noise', '{"type":"ho']);
  });

  it('[B45] [B51] follows a log that is written in pieces, until the run ends', async () => {
    using _lock = await takeLock(layout.lock, { reason: 'push' });
    const run = write(1, '');
    utimesSync(run.path, new Date(), new Date(Date.now() + 5000));
    const { lines, done } = read(run);
    const bytes = Buffer.from(`${note}\nnoise\n`);
    // In the middle of the picture.
    const cut = bytes.indexOf('🎉') + 2;
    appendFileSync(run.path, bytes.subarray(0, cut));
    await new Promise((resolve) => setTimeout(resolve, 450));
    expect(lines).toEqual([]);
    appendFileSync(run.path, bytes.subarray(cut));
    await until(() => lines.length === 2, 'two lines');
    appendFileSync(run.path, end.slice(0, 9));
    appendFileSync(run.path, `${end.slice(9)}\n`);
    await done;
    expect(lines).toEqual([note, 'noise', end]);
  });

  it('[B51] stops following when the lock is free: what the run wrote last is read, to the line that was cut short', async () => {
    const lock = await takeLock(layout.lock, { reason: 'push' });
    const run = write(1, `${note}\n`);
    utimesSync(run.path, new Date(), new Date(Date.now() + 5000));
    const { lines, done } = read(run);
    await until(() => lines.length === 1, 'a line');
    appendFileSync(run.path, `${note}\n{"type`);
    lock.release();
    await done;
    expect(lines).toEqual([note, note, '{"type']);
  });

  it('stops when it is asked to', async () => {
    using _lock = await takeLock(layout.lock, { reason: 'push' });
    const run = write(1, `${note}\n`);
    utimesSync(run.path, new Date(), new Date(Date.now() + 5000));
    const stop = new AbortController();
    const { lines, done } = read(run, { signal: stop.signal });
    await until(() => lines.length === 1, 'a line');
    stop.abort();
    await done;
  });
});

describe('findRunToFollow()', () => {
  it('[B51] takes the run that is under way, and never one that has ended', async () => {
    using _lock = await takeLock(layout.lock, { reason: 'push' });
    const run = write(1, `${note}\n`);
    utimesSync(run.path, new Date(), new Date(Date.now() + 5000));
    const onWait = () => {
      throw new Error('waited');
    };
    expect(await findRunToFollow(layout, { signal: never, onWait })).toEqual(run);
    appendFileSync(run.path, `${end}\n`);
    await expect(findRunToFollow(layout, { signal: never, onWait })).rejects.toThrow('waited');
  });

  it('[B51] waits for the next one, also for one that has ended when it is seen', async () => {
    rmSync(layout.logs, { recursive: true });
    const start = () => {
      mkdirSync(layout.logs);
      write(4, `${note}\n${end}\n`);
    };
    expect((await findRunToFollow(layout, { signal: never, onWait: start }))?.n).toBe(4);
    const stop = new AbortController();
    expect(await findRunToFollow(layout, { signal: stop.signal, onWait: () => stop.abort() })).toBeUndefined();
  });
});
