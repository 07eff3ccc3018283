import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ScapEvent } from '../../../src/events/event.ts';
import { createPlainReporter, progressIntervalMs } from '../../../src/report/plain-reporter.ts';
import { event, host, hostFinished, hosts, runFinished, runStarted, task } from './sample-events.ts';
import { createSampleStream } from './sample-stream.ts';

function narrate(events: readonly ScapEvent[], { verbose = false, colour = false } = {}): readonly string[] {
  const stream = createSampleStream();
  const reporter = createPlainReporter({ stream, verbose, colour });
  for (const given of events) reporter.listener(given);
  reporter[Symbol.dispose]();
  return stream.text().split('\n').slice(0, -1);
}

const stageStarted = (tasks: number, at = 0) => event('stage.started', { stage: 'fetch', tasks }, at);
const stageFinished = (ok: number, failed: number, at = 0) =>
  event('stage.finished', { stage: 'fetch', ok, failed, durationMs: 9000 }, at);

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('createPlainReporter()', () => {
  it('prints a line per change of state, and per host when they are few', () => {
    const [a, b] = [host('a'), host('b')];
    expect(
      narrate([
        runStarted([a, b]),
        event('host.connected', { host: a, live: null, durationMs: 1 }),
        stageStarted(2),
        task('task.started', 'fetch', a),
        task('task.started', 'fetch', b),
        task('task.finished', 'fetch', a),
        task('task.failed', 'fetch', b),
        stageFinished(1, 1),
        hostFinished(a, 'not-attempted'),
        runFinished('failed'),
      ]),
    ).toEqual([
      'Run 12: push of revision aaaaaaaaaaaa to 2 hosts, before it 111111111111, by alice: "Fix T1"',
      'fetch: started, 2 tasks',
      'a: fetch ok in 1.2 s (link)',
      'error: b: fetch failed after 1.2 s: Cannot mkdir "/srv/cache/work": permission denied',
      'error: fetch: 1 of 2 ok, 1 failed in 9.0 s',
    ]);
  });

  it('[B46] says once what few hosts fail of alike, and not again when they fail their first task of it', () => {
    const names = hosts(3);
    const lost = (name: string) => ({ code: 'connection_refused', message: `Cannot reach ${name}: refused` }) as const;
    const unreachable = names.map((name) => event('host.unreachable', { host: name, error: lost(name) }));
    const failed = names.map((name) => task('task.failed', 'fetch', name, { error: lost(name) }));
    expect(narrate([...unreachable, runStarted(names), stageStarted(3), ...failed, stageFinished(0, 3)])).toEqual([
      'error: mw1001: unreachable: Cannot reach mw1001: refused',
      'error: 3 hosts: unreachable: Cannot reach HOST: refused (mw1001, mw1002, mw1003)',
      expect.stringMatching(/^Run 12: push/),
      'fetch: started, 3 tasks',
      'error: fetch: 0 of 3 ok, 3 failed in 9.0 s',
    ]);
  });

  it('prints beginnings and ends of every host when verbose', () => {
    const names = hosts(11);
    const lines = narrate(
      [runStarted(names), stageStarted(11), ...names.map((name) => task('task.started', 'fetch', name))],
      { verbose: true },
    );
    expect(lines).toHaveLength(13);
    expect(lines.at(-1)).toBe('mw1011: fetch started');
  });

  it('[B46] folds what many hosts say alike, telling the first at once', () => {
    const names = hosts(40);
    expect(
      narrate([
        runStarted(names),
        stageStarted(40),
        ...names.slice(0, 3).map((name) => task('task.finished', 'fetch', name)),
        ...names.slice(3).map((name) => task('task.failed', 'fetch', name)),
        stageFinished(3, 37),
        event('host.noted', { host: host('mw1001'), code: 'x', message: 'Repaired drift' }),
        event('host.noted', { host: host('mw1002'), code: 'x', message: 'Repaired drift' }),
        runFinished('failed'),
      ]).slice(1),
    ).toEqual([
      'fetch: started, 40 tasks',
      'error: mw1004: fetch failed after 1.2 s: Cannot mkdir "/srv/cache/work": permission denied',
      'error: 37 hosts: fetch failed: Cannot mkdir "/srv/cache/work": permission denied (mw[1004:1040])',
      'error: fetch: 3 of 40 ok, 37 failed in 9.0 s',
      'warning: mw1001: Repaired drift',
      'warning: 2 hosts: Repaired drift (mw1001, mw1002)',
    ]);
  });

  it('tells what is still folded when it is disposed', () => {
    const names = hosts(11);
    const lines = narrate([
      runStarted(names),
      ...names.map((name) => event('host.spoke', { host: name, text: 'Welcome' })),
    ]);
    expect(lines.at(-1)).toBe('11 hosts: says "Welcome" (mw[1001:1011])');
  });

  it('[B46] prints progress at most once a second, and less often in long stages', () => {
    const names = hosts(200);
    const started = names.map((name) => task('task.started', 'fetch', name));
    const finished = names.map((name, i) => task('task.finished', 'fetch', name, { at: (i + 1) * 100 }));
    const lines = narrate([runStarted(names), stageStarted(200), ...started, ...finished]).slice(2);
    expect(lines.slice(0, 3)).toEqual([
      'fetch: 10 of 200 ok, 190 in flight',
      'fetch: 20 of 200 ok, 180 in flight',
      'fetch: 30 of 200 ok, 170 in flight',
    ]);
    expect(lines).toHaveLength(16);
  });

  it('says in time what a stage waits for when no event follows', () => {
    const stream = createSampleStream();
    const reporter = createPlainReporter({ stream, verbose: false, colour: false });
    const names = hosts(20);
    for (const given of [
      runStarted(names),
      stageStarted(20),
      ...names.map((name) => task('task.started', 'fetch', name)),
    ])
      reporter.listener(given);
    for (const name of names.slice(0, 19)) reporter.listener(task('task.finished', 'fetch', name, { at: 300 }));
    vi.advanceTimersByTime(600);
    expect(stream.text()).not.toContain('in flight');
    vi.advanceTimersByTime(100);
    expect(stream.text()).toContain('fetch: 19 of 20 ok, 1 in flight (mw1020)\n');
    const told = stream.text();
    vi.advanceTimersByTime(60_000);
    expect(stream.text()).toBe(told);
    reporter[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('tells a soak at once, and every half a minute how much of it is left', () => {
    const stream = createSampleStream();
    const reporter = createPlainReporter({ stream, verbose: false, colour: false });
    const spoke = (at: number) => event('host.spoke', { host: host('a'), text: 'Welcome' }, at);
    reporter.listener(runStarted([host('a')]));
    stream.clear();
    reporter.listener(event('soak.started', { stage: 'promote:canary', durationMs: 80_000 }, 0));
    vi.advanceTimersByTime(10_000);
    reporter.listener(spoke(10_000));
    vi.advanceTimersByTime(65_000);
    expect(stream.text().split('\n')).toEqual([
      'promote:canary: soaking for 1 m 20 s before more hosts are promoted',
      'a: says "Welcome"',
      'Soaking after promote:canary, 50.0 s left',
      'Soaking after promote:canary, 20.0 s left',
      '',
    ]);
    vi.advanceTimersByTime(60_000);
    expect(vi.getTimerCount()).toBe(0);
    expect(stream.text().split('\n')).toHaveLength(5);
    reporter[Symbol.dispose]();
  });

  it('prints how far the scan is', () => {
    const scanned = (files: number, at: number, done = false) =>
      event('staging.scanned', { files, readBytes: files * 10, done }, at);
    expect(
      narrate([scanned(1, 0), scanned(500, 500), scanned(1000, 1000), scanned(1200, 1200), scanned(1300, 1300, true)]),
    ).toEqual([
      'Scanning the staging tree: 1,000 files, 10.0 kB read',
      'Scanned the staging tree: 1,300 files, 13.0 kB read',
    ]);
  });

  it('colours warnings and errors when asked', () => {
    const [line = ''] = narrate([event('host.noted', { host: host('a'), code: 'x', message: 'm' })], { colour: true });
    expect(line).toBe('\u001b[33mwarning: a: m\u001b[39m');
  });

  it('goes quiet, and lets the run go on, when nobody reads any more', () => {
    const stream = createSampleStream();
    const reporter = createPlainReporter({ stream, verbose: false, colour: false });
    stream.fail();
    reporter.listener(runStarted(hosts(1)));
    reporter[Symbol.dispose]();
    expect(stream.text()).toBe('');
  });
});

describe('progressIntervalMs()', () => {
  it.each([
    [0, 1000],
    [10_000, 1000],
    [60_000, 6000],
    [3_600_000, 30_000],
  ])('after %i ms waits %i ms', (elapsedMs, intervalMs) => {
    expect(progressIntervalMs(elapsedMs)).toBe(intervalMs);
  });
});
