import { describe, expect, it } from 'vitest';
import type { ScapEvent } from '../../../src/events/event.ts';
import { createRunState, currentStage, reduce } from '../../../src/report/run-view.ts';
import { tasksLeft } from '../../../src/report/stage-view.ts';
import {
  after,
  before,
  denied,
  event,
  fold,
  host,
  hostFinished,
  hosts,
  runFinished,
  runStarted,
  task,
} from './sample-events.ts';

const [a, b, c] = [host('a'), host('b'), host('c')];
const started = event('stage.started', { stage: 'fetch', tasks: 5 }, 100);

function stageCounts(...events: readonly ScapEvent[]) {
  const stage = fold(started, ...events).stages[0];
  if (stage === undefined) throw new Error('no stage');
  const { ok, failed, skipped, inFlight } = stage;
  return { ok, failed, skipped, inFlight: [...inFlight.values()].map((view) => view.host), left: tasksLeft(stage) };
}

describe('reduce()', () => {
  it('copies nothing there is one of per host, task or failure', () => {
    const first = fold(started, task('task.started', 'fetch', a));
    const { hosts: known, failures } = first;
    const inFlight = first.stages[0]?.inFlight;
    const state = [
      event('host.connected', { host: a, live: before, durationMs: 1 }),
      task('task.started', 'fetch', b),
      task('task.progressed', 'fetch', b),
      task('task.finished', 'fetch', a),
      task('task.failed', 'fetch', b),
      hostFinished(a, 'promoted'),
    ].reduce(reduce, first);
    expect(state.hosts).toBe(known);
    expect(state.failures).toBe(failures);
    expect(state.stages[0]?.inFlight).toBe(inFlight);
  });

  it('begins with nothing, whatever another fold has seen', () => {
    fold(started, task('task.failed', 'fetch', a), hostFinished(a, 'failed'));
    expect([createRunState().hosts.size, createRunState().failures]).toEqual([0, []]);
  });

  it('remembers when it all began, the scan, the revision and the run', () => {
    const state = fold(
      event('staging.scanned', { files: 1, readBytes: 10, done: false }, 50),
      event('staging.scanned', { files: 2, readBytes: 20, done: true }, 60),
      event('revision.reused', { revision: after, files: 2, bytes: 20, durationMs: 5 }, 70),
    );
    expect(state).toMatchObject({ startedAt: 50, revision: after, run: undefined });
    expect(state.scan).toEqual({ files: 2, readBytes: 20, done: true, startedAt: 50 });
    expect(reduce(state, runStarted([a])).run).toMatchObject({ n: 12, hosts: [a] });
  });

  it('forgets the awaited lock when the run goes on', () => {
    const waiting = fold(event('lock.awaited', { user: 'bob', pid: 7, since: 'now', reason: 'push' }));
    expect(waiting.lockAwaited?.user).toBe('bob');
    expect(reduce(waiting, runStarted([a])).lockAwaited).toBeUndefined();
  });

  it.each([
    ['nothing yet', [], { ok: 0, failed: 0, skipped: 0, inFlight: [], left: 5 }],
    ['one in flight', [task('task.started', 'fetch', a)], { ok: 0, failed: 0, skipped: 0, inFlight: ['a'], left: 4 }],
    [
      'one of each',
      [
        task('task.started', 'fetch', a),
        task('task.started', 'fetch', b),
        task('task.started', 'fetch', c),
        task('task.finished', 'fetch', a),
        task('task.failed', 'fetch', b),
        task('task.skipped', 'fetch', host('d')),
      ],
      { ok: 1, failed: 1, skipped: 1, inFlight: ['c'], left: 1 },
    ],
    [
      'a stage that stopped early: what was in flight is not any more',
      [task('task.started', 'fetch', a), event('stage.finished', { stage: 'fetch', ok: 0, failed: 0, durationMs: 3 })],
      { ok: 0, failed: 0, skipped: 0, inFlight: [], left: 5 },
    ],
  ] as const)('counts the tasks of a stage: %s', (_what, events, expected) => {
    expect(stageCounts(...events)).toEqual(expected);
  });

  it('knows the current stage until it ends', () => {
    const finished = event('stage.finished', { stage: 'fetch', ok: 5, failed: 0, durationMs: 30 });
    expect(currentStage(fold())).toBeUndefined();
    expect(currentStage(fold(started))?.name).toBe('fetch');
    expect(currentStage(fold(started, finished))).toBeUndefined();
    expect(currentStage(fold(started, finished, event('stage.started', { stage: 'promote', tasks: 1 })))?.name).toBe(
      'promote',
    );
  });

  it('counts a stage of the same name again, for the next group', () => {
    const state = fold(
      event('stage.started', { stage: 'promote', tasks: 1 }),
      task('task.finished', 'promote', a),
      event('stage.finished', { stage: 'promote', ok: 1, failed: 0, durationMs: 3 }),
      event('stage.started', { stage: 'promote', tasks: 2 }),
      task('task.finished', 'promote', b),
    );
    expect(state.stages.map(({ ok, tasks }) => [ok, tasks])).toEqual([
      [1, 1],
      [1, 2],
    ]);
  });

  it('makes up a stage whose start is missing from a log', () => {
    expect(fold(task('task.finished', 'fetch', a)).stages[0]).toMatchObject({ name: 'fetch', tasks: 0, ok: 1 });
  });

  it('follows each host', () => {
    const state = fold(
      event('host.connected', { host: a, live: before, durationMs: 1 }),
      event('host.unreachable', { host: b, error: denied }),
      task('task.finished', 'fetch', a),
      hostFinished(a, 'promoted'),
      hostFinished(c, 'not-attempted'),
    );
    expect([...state.hosts.values()]).toEqual([
      { host: 'a', state: 'promoted', live: after, known: false, fetched: true, error: null },
      { host: 'b', state: undefined, live: null, known: false, fetched: false, error: denied },
      { host: 'c', state: 'not-attempted', live: before, known: false, fetched: false, error: null },
    ]);
  });

  it('gathers failures, the rollback, the interrupt and the end', () => {
    const state = fold(
      event('host.unreachable', { host: a, error: denied }),
      task('task.failed', 'promote', b),
      task('task.failed', 'record', null),
      event('interrupt.received', { signal: 'SIGTERM' }),
      event('rollback.started', { hosts: [b], reason: 'r' }),
      event('rollback.finished', { restored: [b], failed: [] }),
      runFinished('interrupted'),
    );
    expect(state.failures).toEqual([
      { host: 'a', stage: undefined, error: denied },
      { host: 'b', stage: 'promote', error: denied },
      { host: null, stage: 'record', error: denied },
    ]);
    expect(state).toMatchObject({
      interruptedBy: 'SIGTERM',
      rollback: { hosts: ['b'] },
      rolledBack: { restored: ['b'] },
      result: { outcome: 'interrupted' },
    });
  });

  it('adds the bytes and files of all tasks up, step by step', () => {
    const at = (step: string, unit: 'files' | 'bytes', done: number, total: number, name = a) =>
      task('task.progressed', 'fetch', name, { step, unit, done, total });
    const stage = fold(
      started,
      task('task.started', 'fetch', a),
      task('task.started', 'fetch', b),
      at('receive', 'bytes', 10, 100),
      at('receive', 'bytes', 100, 100),
      at('receive', 'bytes', 30, 200, b),
      at('copy', 'bytes', 5, 50),
      at('verify', 'files', 7, 70),
    ).stages[0];
    expect(stage?.bytes).toEqual({ done: 135, total: 350 });
    expect(stage?.files).toEqual({ done: 7, total: 70 });
  });

  it('does not await what a failed task had announced', () => {
    const stage = fold(
      started,
      task('task.started', 'fetch', a),
      task('task.progressed', 'fetch', a, { unit: 'bytes', done: 40, total: 100 }),
      task('task.failed', 'fetch', a),
    ).stages[0];
    expect(stage?.bytes).toEqual({ done: 40, total: 40 });
  });

  it('folds the progress of 2,000 hosts within a second', () => {
    const names = hosts(2000);
    const startedAt = performance.now();
    let state = fold(
      event('stage.started', { stage: 'fetch', tasks: 2000 }),
      ...names.slice(0, 200).map((name) => task('task.started', 'fetch', name)),
    );
    for (let i = 0; i < 8000; i++) {
      const name = names[i % 200] ?? a;
      state = reduce(state, task('task.progressed', 'fetch', name, { done: i, total: 8000, at: i }));
    }
    expect(state.stages[0]?.inFlight.size).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });
});
