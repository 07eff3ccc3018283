import { describe, expect, it } from 'vitest';
import { type ErrorCode, ScapError } from '../../../src/core/errors.ts';
import type { HostName } from '../../../src/core/host-name.ts';
import type { Execution, TaskOutcome } from '../../../src/deploy/executor.ts';
import {
  countStates,
  hostOutcomes,
  leavesDoubt,
  type OutcomeFacts,
  outcomeStatus,
  promotedHosts,
  runOutcome,
} from '../../../src/deploy/outcome.ts';
import type { RunOutcome } from '../../../src/events/event.ts';
import { aPlan, aStage, aTask, hostName, sha } from '../../support/deploy-facts.ts';

const old = sha('a');
const wanted = sha('b');
const hosts = ['one', 'two', 'three'];
const plan = aPlan(
  [
    aStage(
      'fetch',
      hosts.map((host) => aTask('fetch', host)),
    ),
    aStage(
      'promote',
      hosts.map((host) => aTask('promote', host)),
    ),
    aStage('record', [aTask('record')]),
  ],
  { unchanged: [hostName('zero')] },
);

const ok = (data: Readonly<Record<string, unknown>> = { changed: true }): TaskOutcome => ({
  status: 'ok',
  result: { result: 'live', data },
});
const skipped = (data: Readonly<Record<string, unknown>> = { changed: true }): TaskOutcome => ({
  status: 'skipped',
  result: { result: 'live', data },
});
const failed = (code: ErrorCode = 'io_failed'): TaskOutcome => ({
  status: 'failed',
  error: new ScapError(code, `it was ${code}`),
});

function execution(tasks: Readonly<Record<string, TaskOutcome>>, rest: Partial<Execution> = {}): Execution {
  const dropped = new Map(
    Object.entries(tasks).flatMap(([id, task]) =>
      task.status === 'failed' && id.includes('@') ? [[hostName(id.split('@')[1] as string), task.error] as const] : [],
    ),
  );
  return { tasks: new Map(Object.entries(tasks)), dropped, failure: undefined, interrupted: false, ...rest };
}

const facts = (run: Execution, rollback?: OutcomeFacts['rollback']): OutcomeFacts => ({
  plan,
  execution: run,
  served: new Map(hosts.map((host) => [hostName(host), old])),
  rollback,
});
const states = (given: OutcomeFacts) => hostOutcomes(given).map(({ host, state, live }) => [host, state, live]);
const fetched = { 'fetch@one': ok({}), 'fetch@two': ok({}), 'fetch@three': ok({}) };
const allPromoted = { ...fetched, 'promote@one': ok(), 'promote@two': ok(), 'promote@three': ok(), record: ok({}) };
const failure = { stage: 'promote', error: new ScapError('run_failed', 'no') };

describe('hostOutcomes()', () => {
  it.each<[string, OutcomeFacts, [string, string, unknown][]]>([
    [
      'everything went well',
      facts(execution(allPromoted)),
      [
        ['one', 'promoted', wanted],
        ['two', 'promoted', wanted],
        ['three', 'promoted', wanted],
      ],
    ],
    [
      'one served it already',
      facts(execution({ ...allPromoted, 'promote@one': ok({ changed: false }) })),
      [
        ['one', 'unchanged', wanted],
        ['two', 'promoted', wanted],
        ['three', 'promoted', wanted],
      ],
    ],
    [
      'one could not fetch',
      facts(execution({ 'fetch@one': failed('disk_full'), 'promote@two': ok(), 'promote@three': ok() })),
      [
        ['one', 'failed', old],
        ['two', 'promoted', wanted],
        ['three', 'promoted', wanted],
      ],
    ],
    [
      'one is away',
      facts(execution({ 'fetch@one': failed('target_unreachable'), 'promote@two': ok(), 'promote@three': ok() })),
      [
        ['one', 'unreachable', undefined],
        ['two', 'promoted', wanted],
        ['three', 'promoted', wanted],
      ],
    ],
    [
      'one refused to promote',
      facts(
        execution({
          ...fetched,
          'promote@one': failed('revision_drifted'),
          'promote@two': ok(),
          'promote@three': ok(),
        }),
      ),
      [
        ['one', 'failed', old],
        ['two', 'promoted', wanted],
        ['three', 'promoted', wanted],
      ],
    ],
    [
      'one fell silent while promoting: nobody knows',
      facts(
        execution({ ...fetched, 'promote@one': failed('connection_lost'), 'promote@two': ok(), 'promote@three': ok() }),
      ),
      [
        ['one', 'failed', undefined],
        ['two', 'promoted', wanted],
        ['three', 'promoted', wanted],
      ],
    ],
    [
      'it stopped before promotion',
      facts(execution(fetched, { failure })),
      [
        ['one', 'not-attempted', old],
        ['two', 'not-attempted', old],
        ['three', 'not-attempted', old],
      ],
    ],
    [
      'it was interrupted in the middle',
      facts(execution({ ...fetched, 'promote@one': ok() }, { interrupted: true })),
      [
        ['one', 'promoted', wanted],
        ['two', 'not-attempted', old],
        ['three', 'not-attempted', old],
      ],
    ],
    [
      'it was resumed',
      facts(
        execution({
          'promote@one': skipped(),
          'promote@two': skipped({ changed: false }),
          'promote@three': ok(),
        }),
      ),
      [
        ['one', 'promoted', wanted],
        ['two', 'unchanged', wanted],
        ['three', 'promoted', wanted],
      ],
    ],
    [
      'one ended its switch with an error: nobody knows',
      facts(execution({ ...fetched, 'promote@one': failed('io_failed'), 'promote@two': ok(), 'promote@three': ok() })),
      [
        ['one', 'failed', undefined],
        ['two', 'promoted', wanted],
        ['three', 'promoted', wanted],
      ],
    ],
    [
      'one was taken over by another run before it was promoted: nobody knows',
      facts(execution({ ...fetched, 'fetch@one': failed('fence_stale') }, { failure })),
      [
        ['one', 'failed', undefined],
        ['two', 'not-attempted', old],
        ['three', 'not-attempted', old],
      ],
    ],
    [
      'it was rolled back',
      facts(execution({ ...fetched, 'promote@one': ok(), 'promote@two': failed('revision_drifted') }, { failure }), {
        declined: false,
        restored: new Set([hostName('one')]),
        failed: new Map(),
      }),
      [
        ['one', 'rolled-back', old],
        ['two', 'failed', old],
        ['three', 'not-attempted', old],
      ],
    ],
    [
      'it failed and was told not to roll back',
      facts(execution({ ...fetched, 'promote@one': ok(), 'promote@two': failed('revision_drifted') }, { failure }), {
        declined: true,
        restored: new Set<HostName>(),
        failed: new Map(),
      }),
      [
        ['one', 'promoted', wanted],
        ['two', 'failed', old],
        ['three', 'not-attempted', old],
      ],
    ],
    [
      'one could not be rolled back',
      facts(execution({ ...fetched, 'promote@one': ok(), 'promote@two': failed() }, { failure }), {
        declined: false,
        restored: new Set([hostName('two')]),
        failed: new Map([[hostName('one'), { code: 'connection_lost', message: 'gone' }]]),
      }),
      [
        ['one', 'failed', undefined],
        ['two', 'rolled-back', old],
        ['three', 'not-attempted', old],
      ],
    ],
  ])('[I8] when %s', (_what, given, expected) => {
    expect(states(given)).toEqual([['zero', 'unchanged', wanted], ...expected]);
  });

  it('[I8] brings the error of every host that has one', () => {
    const outcomes = hostOutcomes(facts(execution({ 'fetch@one': failed('disk_full') })));
    expect(outcomes.find(({ host }) => host === 'one')?.error).toEqual({
      code: 'disk_full',
      message: 'it was disk_full',
    });
  });

  it('of a plan without promotions tells that nothing moved', () => {
    const clean = aPlan([aStage('finalize', [aTask('finalize', 'one'), aTask('finalize', 'two')])]);
    const run = execution({ 'finalize@one': ok({}), 'finalize@two': failed() });
    expect(hostOutcomes({ ...facts(run), plan: clean }).map(({ host, state }) => [host, state])).toEqual([
      ['one', 'unchanged'],
      ['two', 'failed'],
    ]);
  });
});

describe('promotedHosts()', () => {
  it('[B32] are those whose live path has moved, or may have', () => {
    const run = execution({
      'promote@one': ok(),
      'promote@two': ok({ changed: false }),
      'promote@three': failed('request_timeout'),
    });
    expect(promotedHosts(plan, run)).toEqual(['one', 'three']);
    expect(
      promotedHosts(
        plan,
        execution({ 'promote@one': failed('revision_drifted'), 'promote@two': skipped({ changed: false }) }),
      ),
    ).toEqual([]);
    expect(promotedHosts(plan, execution(fetched))).toEqual([]);
  });

  it('[B32] [B54] are also those an interrupted run of the plan has moved', () => {
    const run = execution({ 'promote@one': skipped(), 'promote@two': skipped({}), 'promote@three': failed('usage') });
    expect(promotedHosts(plan, run)).toEqual(['one', 'two']);
  });
});

describe('leavesDoubt()', () => {
  it.each<[ErrorCode, boolean]>([
    ['connection_lost', true],
    ['request_timeout', true],
    ['io_failed', true],
    ['disk_full', true],
    ['permission_denied', true],
    ['process_failed', true],
    ['interrupted', true],
    ['check_failed', true],
    ['bug', true],
    ['live_foreign', false],
    ['revision_drifted', false],
    ['revision_incomplete', false],
    ['repository_damaged', false],
    ['fence_stale', false],
    ['target_busy', false],
    ['target_unreachable', false],
    ['tool_missing', false],
    ['usage', false],
    ['protocol_violation', true],
    ['host_unknown', false],
  ])('%s: %s', (code, doubt) => {
    expect(leavesDoubt(code)).toBe(doubt);
  });
});

describe('hosts that a plan leaves out', () => {
  it('come last, as skipped, and nothing is said of what they serve', () => {
    const limited = { ...plan, skipped: [hostName('five'), hostName('four')] };
    const given = { ...facts(execution(allPromoted)), plan: limited };
    expect(states(given).slice(-3)).toEqual([
      ['three', 'promoted', plan.revision],
      ['five', 'skipped', undefined],
      ['four', 'skipped', undefined],
    ]);
    expect(countStates(hostOutcomes(given))).toMatchObject({ promoted: 3, unchanged: 1, skipped: 2 });
  });
});

describe('runOutcome()', () => {
  const outcome = (given: OutcomeFacts) => runOutcome(given, hostOutcomes(given));
  it.each<[RunOutcome, string, OutcomeFacts]>([
    ['ok', 'everything went well', facts(execution(allPromoted))],
    ['partial', 'a host is behind', facts(execution({ ...allPromoted, 'promote@one': failed() }))],
    [
      'partial',
      'pruning failed past the budget after it was recorded',
      facts(execution(allPromoted, { failure: { stage: 'finalize', error: failure.error } })),
    ],
    ['partial', 'a promoted host failed afterwards', facts(execution({ ...allPromoted, 'finalize@one': failed() }))],
    [
      'failed',
      'nothing was promoted',
      facts(execution(fetched, { failure: { stage: 'fetch', error: failure.error } })),
    ],
    [
      'rolled-back',
      'all went back',
      facts(execution({ 'promote@one': ok() }, { failure }), {
        declined: false,
        restored: new Set([hostName('one')]),
        failed: new Map(),
      }),
    ],
    [
      'not-rolled-back',
      'one did not',
      facts(execution({ 'promote@one': ok() }, { failure }), {
        declined: false,
        restored: new Set<HostName>(),
        failed: new Map([[hostName('one'), { code: 'rollback_failed', message: 'x' }]]),
      }),
    ],
    [
      'not-rolled-back',
      'it was told not to',
      facts(execution({ 'promote@one': ok() }, { failure }), {
        declined: true,
        restored: new Set<HostName>(),
        failed: new Map(),
      }),
    ],
    [
      'ok',
      'the rest was left out on purpose',
      { ...facts(execution(allPromoted)), plan: { ...plan, skipped: [hostName('four')] } },
    ],
    [
      'partial',
      'a resumed run failed whose first part had recorded it',
      facts(execution({ 'promote@one': skipped(), record: skipped({}), 'finalize@one': failed() }, { failure })),
    ],
    ['interrupted', 'it was stopped', facts(execution(fetched, { interrupted: true }))],
  ])('is %s when %s', (expected, _what, given) => {
    expect(outcome(given)).toBe(expected);
  });
});

describe('outcomeStatus()', () => {
  it.each<[RunOutcome, number]>([
    ['ok', 0],
    ['partial', 1],
    ['failed', 5],
    ['rolled-back', 5],
    ['not-rolled-back', 6],
    ['interrupted', 130],
    ['aborted', 130],
  ])('[B50] %s ends with %i', (outcome, status) => {
    expect(outcomeStatus(outcome)).toBe(status);
  });

  const overtaken = { error: { code: 'fence_stale', message: 'seen a newer run' } } as const;
  const broken = { error: { code: 'disk_full', message: 'full' } } as const;
  const fine = { error: undefined };

  it.each<[string, RunOutcome, Parameters<typeof outcomeStatus>[1], number]>([
    ['failed because all hosts were taken over', 'failed', [overtaken, overtaken], 7],
    ['failed because some hosts were taken over', 'failed', [fine, overtaken], 7],
    ['failed for another reason as well', 'failed', [overtaken, broken], 5],
    ['went back', 'rolled-back', [overtaken], 5],
    ['could not go back on what was taken over', 'not-rolled-back', [overtaken], 6],
    ['ended without them', 'partial', [fine, overtaken], 1],
  ])('[B41] [B50] of a run that %s', (_what, outcome, hosts, status) => {
    expect(outcomeStatus(outcome, hosts)).toBe(status);
  });
});

describe('countStates()', () => {
  it('counts every state, those of nobody as 0', () => {
    expect(
      countStates(hostOutcomes(facts(execution({ ...fetched, 'promote@one': ok() }, { interrupted: true })))),
    ).toEqual({
      promoted: 1,
      unchanged: 1,
      'rolled-back': 0,
      failed: 0,
      unreachable: 0,
      skipped: 0,
      'not-attempted': 2,
    });
  });
});
