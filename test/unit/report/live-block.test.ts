import { describe, expect, it } from 'vitest';
import { formatBar, renderBlock } from '../../../src/report/live-block.ts';
import { displayWidth } from '../../../src/report/plain-text.ts';
import { createStyle } from '../../../src/report/style.ts';
import { before, event, fold, host, hosts, runFinished, runStarted, task } from './sample-events.ts';

const style = createStyle(false);
const wide = { columns: 120, rows: 24, style };
const names = hosts(200);
const fetching = [
  runStarted(names, {}, 0),
  event('stage.started', { stage: 'fetch', tasks: 200 }, 1000),
  ...names.slice(0, 30).map((name, i) => task('task.started', 'fetch', name, { at: 1000 + i })),
  task('task.finished', 'fetch', host('mw1001'), { at: 2000 }),
  task('task.failed', 'fetch', host('mw1002'), { at: 2000 }),
  task('task.failed', 'fetch', host('mw1003'), { at: 2000 }),
  task('task.progressed', 'fetch', host('mw1004'), { done: 10_000_000, total: 40_000_000, at: 3000 }),
];

describe('formatBar()', () => {
  it.each([
    [0, '[>   ]'],
    [0.5, '[==> ]'],
    [0.99, '[===>]'],
    [1, '[====]'],
    [2, '[====]'],
  ])('%d is %s', (fraction, bar) => {
    expect(formatBar(fraction, 6)).toBe(bar);
  });
});

describe('renderBlock()', () => {
  it('is empty before anything and after the run', () => {
    expect(renderBlock(fold(), { ...wide, now: 0 })).toEqual([]);
    expect(renderBlock(fold(...fetching, runFinished('ok')), { ...wide, now: 0 })).toEqual([]);
  });

  it('shows how much of a soak is left, until anything else happens', () => {
    const soaking = [
      runStarted(names, {}, 0),
      event('stage.started', { stage: 'promote:canary', tasks: 1 }, 1000),
      event('stage.finished', { stage: 'promote:canary', ok: 1, failed: 0, durationMs: 1000 }, 2000),
      event('soak.started', { stage: 'promote:canary', durationMs: 20_000 }, 2000),
    ];
    const head = (seconds: string) => `Run 12: push of aaaaaaaaaaaa to 200 hosts, ${seconds} s`;
    expect(renderBlock(fold(...soaking), { ...wide, now: 7000 })).toEqual([
      head('7.0'),
      'Soaking after promote:canary, 15.0 s left',
    ]);
    expect(renderBlock(fold(...soaking), { ...wide, now: 22_000 })).toEqual([head('22.0')]);
    const interrupted = event('interrupt.received', { signal: 'SIGINT' }, 8000);
    expect(renderBlock(fold(...soaking, interrupted), { ...wide, now: 8000 })).toEqual([`${head('8.0')}, stopping`]);
    const next = event('stage.started', { stage: 'promote:rest', tasks: 2 }, 8000);
    expect(renderBlock(fold(...soaking, next), { ...wide, now: 8000 })[1]).toBe('promote:rest: 0 of 2 ok, 2 left');
  });

  it('shows the scan with its rate', () => {
    const scanned = event('staging.scanned', { files: 70012, readBytes: 840_000_000, done: false }, 1000);
    expect(renderBlock(fold(scanned), { ...wide, now: 3000 })).toEqual([
      'Scanning the staging tree: 70,012 files, 840 MB read, 420 MB/s',
    ]);
  });

  it('shows who holds the lock, and how many hosts are connected', () => {
    const waiting = fold(event('lock.awaited', { user: 'bob', pid: 7, since: 'x', reason: 'push' }, 1000));
    expect(renderBlock(waiting, { ...wide, now: 6000 })).toEqual(['Waiting 5.0 s for the lock held by bob (pid 7)']);
    const connected = fold(event('host.connected', { host: host('a'), live: before, durationMs: 1 }, 1000));
    expect(renderBlock(connected, { ...wide, now: 1500 })).toEqual(['Connected to 1 host, 500 ms']);
  });

  it('shows the stage, how far it is, who takes longest, and the last failures', () => {
    expect(renderBlock(fold(...fetching), { ...wide, now: 3000 })).toEqual([
      'Run 12: push of aaaaaaaaaaaa to 200 hosts, 3.0 s',
      'fetch: 1 of 200 ok, 2 failed, 27 in flight, 170 left',
      '  [>                           ]  1%  10.0 MB of 40.0 MB, 5.00 MB/s, 51.3 s left',
      '  mw1004  receive 10.0 MB of 40.0 MB, 2.0 s',
      '  mw1005  2.0 s',
      '  mw1006  2.0 s',
      '  2 hosts (mw1002, mw1003): Cannot mkdir "/srv/cache/work": permission denied',
    ]);
  });

  it('says when the run stops or goes back', () => {
    const stopping = fold(...fetching, event('interrupt.received', { signal: 'SIGINT' }));
    expect(renderBlock(stopping, { ...wide, now: 3000 })[0]).toBe(
      'Run 12: push of aaaaaaaaaaaa to 200 hosts, 3.0 s, stopping',
    );
    const goingBack = fold(...fetching, event('rollback.started', { hosts: names, reason: 'x' }));
    expect(renderBlock(goingBack, { ...wide, now: 3000 })[0]).toContain(', rolling back');
  });

  it('fits every terminal, whatever hosts say', () => {
    const message = '宽字符 \u001b[2J\u0007\n'.repeat(50);
    const evil = names
      .slice(0, 20)
      .map((name, i) =>
        task('task.failed', 'fetch', name, { error: { code: 'io_failed', message: `${i} ${message}` } }),
      );
    const state = fold(...fetching, ...evil);
    for (const columns of [1, 2, 10, 39, 40, 80, 200]) {
      for (const rows of [1, 2, 5, 24]) {
        const lines = renderBlock(state, { columns, rows, now: 3000, style: createStyle(false) });
        expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
        expect(lines.every((line) => displayWidth(line) <= Math.max(1, columns - 1))).toBe(true);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(lines.join('')).not.toMatch(/[\x00-\x1f]/);
      }
    }
  });
});
