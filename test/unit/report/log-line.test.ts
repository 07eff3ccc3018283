import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRunLog } from '../../../src/deploy/run-log.ts';
import { createEventBus, hostStates, type ScapEvent } from '../../../src/events/event.ts';
import { type LoggedEvent, parseEventLine } from '../../../src/events/event-line.ts';
import { describeEvent } from '../../../src/report/describe-event.ts';
import { describeLoggedEvent } from '../../../src/report/log-line.ts';
import { useTempDirs } from '../../support/temp-dir.ts';
import { after, denied, event, host, hostFinished, hosts, runFinished, runStarted, task } from './sample-events.ts';

const tempDir = useTempDirs();
const a = host('web1');

describe('parseEventLine()', () => {
  it.each([
    ['an event', '{"level":"warn","type":"host.noted","at":1}', { level: 'warn', type: 'host.noted', at: 1 }],
    ['an event of another version', '{"type":"host.sang","at":1}', { type: 'host.sang', at: 1 }],
    ['a line cut short', '{"type":"host.noted","at":', undefined],
    ['an empty line', '', undefined],
    ['noise', 'Segmentation fault', undefined],
    ['null', 'null', undefined],
    ['a number', '42', undefined],
    ['a list', '[]', undefined],
    ['an object that is no event', '{"type":1,"at":1}', undefined],
    ['an event at no time', '{"type":"host.noted","at":"now"}', undefined],
  ])('[B45] reads %s', (_what, line, expected) => {
    expect(parseEventLine(line)).toEqual(expected);
  });
});

describe('describeLoggedEvent()', () => {
  it('[B45] has nothing to say of an event that is damaged or unknown', () => {
    for (const type of ['run.started', 'run.finished', 'task.failed', 'host.spoke', 'host.sang'])
      expect(describeLoggedEvent({ type, at: 1 } as unknown as LoggedEvent)).toBeUndefined();
  });

  it('[B12] makes what a file says harmless for a terminal', () => {
    const line = describeLoggedEvent(event('host.spoke', { host: 'a\u001b[2Jb\u0007' as typeof a, text: 'x' }));
    expect(line?.text).toBe('ab\\x07: says "x"');
  });
});

describe('the level in a log', () => {
  const outcomes = ['ok', 'partial', 'failed', 'rolled-back', 'not-rolled-back', 'interrupted', 'aborted'] as const;
  const samples: readonly ScapEvent[] = [
    runStarted(hosts(2)),
    ...outcomes.map((outcome) => runFinished(outcome)),
    ...hostStates.map((state) => hostFinished(a, state)),
    task('task.started', 'fetch', a),
    task('task.finished', 'fetch', a),
    task('task.failed', 'fetch', a),
    task('task.skipped', 'fetch', a),
    event('stage.finished', { stage: 'fetch', ok: 1, failed: 0, durationMs: 1 }),
    event('stage.finished', { stage: 'fetch', ok: 1, failed: 1, durationMs: 1 }),
    event('rollback.started', { hosts: [a], reason: 'check failed' }),
    event('rollback.finished', { restored: [a], failed: [] }),
    event('rollback.finished', { restored: [], failed: [a] }),
    event('host.unreachable', { host: a, error: denied }),
    event('host.noted', { host: a, code: 'drift.found', message: 'look' }),
    event('host.spoke', { host: a, text: 'welcome' }),
    event('interrupt.received', { signal: 'SIGINT' }),
    event('staging.ignored', { count: 1, samples: ['a'] }),
    event('revision.suspected', { revision: after, n: 3 }),
    event('lock.awaited', { user: 'alice', pid: 1, since: '', reason: 'push' }),
    event('maintenance.failed', { error: denied }),
  ];

  it('[B45] is the one that people are shown', () => {
    const path = join(tempDir(), 'logs/1.jsonl');
    mkdirSync(dirname(path));
    openRunLog(path, createEventBus(), samples)[Symbol.dispose]();
    const logged = readFileSync(path, 'utf8').trimEnd().split('\n').map(parseEventLine);
    expect(logged.map((each) => [each?.type, each?.level])).toEqual(
      samples.map((each) => [each.type, describeEvent(each)?.level]),
    );
  });
});
