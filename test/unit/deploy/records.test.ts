import { constants } from 'node:buffer';
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { doneTasks, readRunEvents, recordAbortedRuns, stillDone } from '../../../src/deploy/aborted-runs.ts';
import {
  appendDeployRecord,
  type DeployRecord,
  listRunLogs,
  nextRunNumber,
  readDeployRecords,
} from '../../../src/deploy/deploy-records.ts';
import { openRunLog } from '../../../src/deploy/run-log.ts';
import { createStateLayout, type StateLayout } from '../../../src/deploy/state-layout.ts';
import type { TargetReport } from '../../../src/deploy/target-client.ts';
import { createEventBus } from '../../../src/events/event.ts';
import { aPlan, aStage, aTask, hostName, sha } from '../../support/deploy-facts.ts';
import { temporaryDirectory } from '../../support/operator.ts';

let layout: StateLayout;
beforeEach(() => {
  layout = createStateLayout(join(temporaryDirectory('scap-unit-'), 'state'));
  mkdirSync(layout.logs, { recursive: true });
});

const record = (n: number, rest: Partial<DeployRecord> = {}): DeployRecord => ({
  n,
  plan: `push-${n}`,
  kind: 'push',
  sha: sha('a'),
  previous: null,
  user: 'ada',
  host: 'deploy1',
  message: 'why',
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:00:01.000Z',
  outcome: 'ok',
  counts: null,
  hosts: {},
  ...rest,
});

describe('readDeployRecords()', () => {
  it('returns what was appended, oldest first; none before the first', () => {
    expect(readDeployRecords(layout)).toEqual([]);
    appendDeployRecord(layout, record(1));
    appendDeployRecord(layout, record(2, { message: 'line\nbreak' }));
    expect(readDeployRecords(layout)).toEqual([record(1), record(2, { message: 'line\nbreak' })]);
  });

  it('[B23] passes over a last line that a crash cut short; what is appended next is whole', () => {
    appendDeployRecord(layout, record(1));
    appendFileSync(layout.deploys, JSON.stringify(record(2)).slice(0, 50));
    expect(readDeployRecords(layout).map(({ n }) => n)).toEqual([1]);
    appendDeployRecord(layout, record(3));
    expect(readFileSync(layout.deploys, 'utf8')).toBe(`${JSON.stringify(record(1))}\n${JSON.stringify(record(3))}\n`);
  });

  it('[B23] keeps a last record that lacks only the end of its line', () => {
    writeFileSync(layout.deploys, JSON.stringify(record(1)));
    appendDeployRecord(layout, record(2));
    expect(readDeployRecords(layout).map(({ n }) => n)).toEqual([1, 2]);
  });

  it('refuses damage in the middle, naming the line', () => {
    writeFileSync(layout.deploys, `${JSON.stringify(record(1))}\nnonsense\n${JSON.stringify(record(2))}\n`);
    expect(() => readDeployRecords(layout)).toThrow(
      expect.objectContaining({ code: 'io_failed', message: expect.stringContaining('line 2 is no record of a run') }),
    );
  });

  it('[B23] can be read on after a run that followed the crash', () => {
    appendDeployRecord(layout, record(1));
    appendFileSync(layout.deploys, JSON.stringify(record(2)).slice(0, 50));
    appendDeployRecord(layout, record(3));
    expect(readDeployRecords(layout).map(({ n }) => n)).toEqual([1, 3]);
  });
});

describe('nextRunNumber()', () => {
  it('[I10] is above every record and every log, also of a run that was killed', () => {
    expect(nextRunNumber(layout)).toBe(1);
    appendDeployRecord(layout, record(4));
    expect(nextRunNumber(layout)).toBe(5);
    writeFileSync(layout.runLog(9, sha('b')), '');
    writeFileSync(join(layout.logs, 'notes-12.txt'), '');
    writeFileSync(join(layout.logs, '99-short.jsonl'), '');
    expect(nextRunNumber(layout)).toBe(10);
    expect([...listRunLogs(layout).keys()]).toEqual([9]);
  });
});

const started = (plan: string) => ({
  type: 'run.started',
  at: 1_767_225_600_000,
  n: 1,
  plan,
  kind: 'push',
  revision: sha('b'),
  previous: null,
  hosts: [],
  user: 'ada',
  message: 'why',
});
const finished = (task: string, data: object = {}) => ({
  type: 'task.finished',
  at: 2,
  task,
  stage: 'x',
  host: null,
  durationMs: 1,
  result: 'ok',
  data,
});
const writeLog = (n: number, events: unknown[], tail = '') =>
  writeFileSync(layout.runLog(n, sha('b')), `${events.map((event) => `${JSON.stringify(event)}\n`).join('')}${tail}`);

describe('recordAbortedRuns()', () => {
  it('[B54] gives a run that was killed a record that says aborted, once', () => {
    appendDeployRecord(layout, record(1));
    writeLog(1, [started('push-1')]);
    writeLog(2, [started('push-2'), finished('fetch@a')], '{"type":"task.fin');
    writeLog(3, [{ type: 'staging.scanned', at: 1 }]);
    recordAbortedRuns(layout, 'deploy1');
    recordAbortedRuns(layout, 'deploy1');
    expect(readDeployRecords(layout).slice(1)).toEqual([
      {
        n: 2,
        plan: 'push-2',
        kind: 'push',
        sha: sha('b'),
        previous: null,
        user: 'ada',
        host: 'deploy1',
        message: 'why',
        startedAt: '2026-01-01T00:00:00.000Z',
        finishedAt: null,
        outcome: 'aborted',
        counts: null,
        hosts: {},
      },
    ]);
  });
});

describe('doneTasks()', () => {
  it('[B54] are those of all runs of the plan, without what was rolled back', () => {
    writeLog(1, [
      started('p'),
      finished('fetch@a'),
      finished('promote@a'),
      finished('promote@b'),
      { type: 'rollback.finished', at: 3, restored: ['a'], failed: [] },
    ]);
    writeLog(2, [started('p'), finished('fetch@b')], '{"type":"task.finished","ta');
    writeLog(3, [started('other'), finished('fetch@c')]);
    expect([...doneTasks(layout, 'p').keys()].sort()).toEqual(['fetch@a', 'fetch@b', 'promote@b']);
    expect([...doneTasks(layout, 'nobody')]).toEqual([]);
  });
});

describe('what earlier runs of a plan have done', () => {
  it('[B54] comes with what it came to; the latest word counts', () => {
    writeLog(1, [started('p'), finished('promote@a', { previous: sha('a'), changed: true }), finished('fetch@b')]);
    writeLog(2, [started('p'), finished('promote@a', { previous: sha('b'), changed: false })]);
    expect(doneTasks(layout, 'p')).toEqual(
      new Map([
        ['promote@a', { result: 'ok', data: { previous: sha('b'), changed: false } }],
        ['fetch@b', { result: 'ok', data: {} }],
      ]),
    );
  });

  it('[B54] what was rolled back and promoted again is done', () => {
    const rolledBack = { type: 'rollback.finished', at: 3, restored: ['a'], failed: [] };
    writeLog(1, [started('p'), finished('promote@a'), rolledBack]);
    writeLog(2, [started('p'), finished('promote@a')]);
    expect([...doneTasks(layout, 'p').keys()]).toEqual(['promote@a']);
  });
});

describe('stillDone()', () => {
  const wanted = sha('b');
  const plan = aPlan([
    aStage('fetch', [aTask('fetch', 'a')]),
    aStage('config', [aTask('config', 'a')]),
    aStage('promote', [aTask('promote', 'a')]),
    aStage('record', [aTask('record')]),
  ]);
  const done = new Map(
    ['fetch@a', 'config@a', 'promote@a', 'record', 'promote@gone'].map((id) => [id, { result: id, data: {} }]),
  );
  const report = (live: TargetReport['live'], complete = [wanted]) => ({ live, complete }) as unknown as TargetReport;
  const serves = (revision: string) => ({ kind: 'revision', sha: revision }) as TargetReport['live'];

  it.each<[string, TargetReport | undefined, string[]]>([
    ['nothing has changed since', report(serves(wanted)), ['fetch@a', 'config@a', 'promote@a', 'record']],
    ['another revision is served', report(serves(sha('c'))), ['fetch@a', 'config@a', 'record']],
    ['nothing is served any more', report({ kind: 'absent' }), ['fetch@a', 'config@a', 'record']],
    ['something foreign stands there', report({ kind: 'directory', detail: '/x' }), ['fetch@a', 'config@a', 'record']],
    ['the revision is gone from the cache', report(serves(wanted), []), ['config@a', 'promote@a', 'record']],
    ['the host is away', undefined, ['config@a', 'record']],
  ])('[B54] when %s', (_what, said, expected) => {
    const still = stillDone(done, plan, { live: wanted, reports: new Map(said === undefined ? [] : [['a', said]]) });
    expect([...still]).toEqual(expected.map((id) => [id, { result: id, data: {} }]));
  });

  it.each([
    ['was rolled back since', sha('a')],
    ['is not recorded', undefined],
  ])('[B54] records again when the revision %s', (_what, live) => {
    const still = stillDone(done, plan, { live, reports: new Map([['a', report(serves(wanted))]]) });
    expect([...still.keys()]).toEqual(['fetch@a', 'config@a', 'promote@a']);
  });

  it('[B54] adds nothing that was not done', () => {
    expect(stillDone(new Map(), plan, { live: wanted, reports: new Map([['a', report(serves(wanted))]]) })).toEqual(
      new Map(),
    );
  });
});

describe('openRunLog()', () => {
  it('[B45] writes earlier events first, then each as it comes, one JSON line with its level; no progress', () => {
    const bus = createEventBus({ now: () => 5 });
    const path = layout.runLog(1, sha('b'));
    {
      using _log = openRunLog(path, bus, [{ type: 'staging.scanned', at: 1, files: 1, readBytes: 0, done: true }]);
      bus.emit('task.progressed', { task: 't', stage: 's', host: null, step: 'x', unit: 'files', done: 1, total: 2 });
      bus.emit('task.failed', {
        task: 't',
        stage: 's',
        host: null,
        durationMs: 1,
        error: { code: 'io_failed', message: 'no' },
      });
      bus.emit('host.noted', { host: hostName('a'), code: 'drift.found', message: 'look' });
    }
    bus.emit('stage.started', { stage: 'after', tasks: 1 });
    expect([...readRunEvents(path)]).toEqual([
      { level: 'info', type: 'staging.scanned', at: 1, files: 1, readBytes: 0, done: true },
      {
        level: 'error',
        type: 'task.failed',
        at: 5,
        task: 't',
        stage: 's',
        host: null,
        durationMs: 1,
        error: { code: 'io_failed', message: 'no' },
      },
      { level: 'warn', type: 'host.noted', at: 5, host: 'a', code: 'drift.found', message: 'look' },
    ]);
  });

  it('never continues the log of another run', () => {
    const path = layout.runLog(1, sha('b'));
    writeFileSync(path, 'mine\n');
    expect(() => openRunLog(path, createEventBus(), [])).toThrow('EEXIST');
    expect(readFileSync(path, 'utf8')).toBe('mine\n');
  });

  it('[B23] is read line by line: one longer than any string, cut short by a crash, too', () => {
    const start = {
      type: 'run.started',
      at: 5,
      n: 1,
      plan: 'push-1',
      kind: 'push',
      revision: sha('b'),
      previous: null,
    };
    const path = layout.runLog(1, sha('b'));
    writeFileSync(path, `${JSON.stringify({ ...start, hosts: [], user: 'ada', message: 'why' })}\n`);
    truncateSync(path, constants.MAX_STRING_LENGTH + 1);
    recordAbortedRuns(layout, 'deploy1');
    expect(readDeployRecords(layout)).toEqual([expect.objectContaining({ n: 1, outcome: 'aborted' })]);
    expect(doneTasks(layout, 'push-2')).toEqual(new Map());
  });

  it('[B23] has every event that happened before a kill -9', async () => {
    const path = layout.runLog(1, sha('b'));
    const source = (name: string) =>
      pathToFileURL(fileURLToPath(new URL(`../../../src/${name}`, import.meta.url))).href;
    const script = `
      const { openRunLog } = await import(${JSON.stringify(source('deploy/run-log.ts'))});
      const { createEventBus } = await import(${JSON.stringify(source('events/event.ts'))});
      const bus = createEventBus();
      openRunLog(${JSON.stringify(path)}, bus, []);
      for (let i = 0; i < 500; i++) bus.emit('stage.started', { stage: 'stage ' + i, tasks: i });
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      cwd: fileURLToPath(new URL('../../../', import.meta.url)),
      stdio: 'ignore',
    });
    const signal = await new Promise((resolve) => child.once('exit', (_status, name) => resolve(name)));
    expect(signal).toBe('SIGKILL');
    expect([...readRunEvents(path)].map((event) => event.type === 'stage.started' && event.tasks)).toEqual(
      Array.from({ length: 500 }, (_, at) => at),
    );
    expect(readdirSync(layout.logs)).toHaveLength(1);
  });
});
