import { describe, expect, it } from 'vitest';
import { ScapError } from '../../../src/core/errors.ts';
import { unconfirmedTasks } from '../../../src/deploy/confirm-rest.ts';
import type { Execution, TaskOutcome } from '../../../src/deploy/executor.ts';
import { hostOutcomes, type RollbackOutcome } from '../../../src/deploy/outcome.ts';
import { aPlan, aStage, aTask, hostName, sha } from '../../support/deploy-facts.ts';

const revision = sha('b');
const plan = aPlan([
  aStage('promote', [
    aTask('promote', 'a', { revision, onControllerLoss: 'revert' }),
    aTask('promote', 'b', { revision }),
    aTask('promote', 'c', { revision, onControllerLoss: 'revert' }),
  ]),
  aStage('confirm', [aTask('confirm', 'a', { revision }), aTask('confirm', 'c', { revision })]),
]);
const ok: TaskOutcome = { status: 'ok', result: { result: '', data: { changed: true } } };
const skipped: TaskOutcome = { status: 'skipped', result: { result: '', data: {} } };
const failed: TaskOutcome = { status: 'failed', error: new ScapError('world_moved', 'It went back') };
const execution = (tasks: Readonly<Record<string, TaskOutcome>>, rest: Partial<Execution> = {}): Execution => ({
  tasks: new Map(Object.entries(tasks)),
  dropped: new Map(),
  failure: undefined,
  interrupted: false,
  ...rest,
});
const promoted = { 'promote@a': ok, 'promote@b': ok, 'promote@c': ok };
const rollback = (declined: boolean): RollbackOutcome => ({ declined, restored: new Set(), failed: new Map() });

describe('unconfirmedTasks()', () => {
  it.each<[string, Readonly<Record<string, TaskOutcome>>, RollbackOutcome | undefined, string[]]>([
    ['promoted and stopped before the confirmations', promoted, undefined, ['confirm@a', 'confirm@c']],
    ['one confirmed', { ...promoted, 'confirm@a': ok }, undefined, ['confirm@c']],
    ['all confirmed', { ...promoted, 'confirm@a': ok, 'confirm@c': ok }, undefined, []],
    [
      'one could not be confirmed: once more',
      { ...promoted, 'confirm@a': failed, 'confirm@c': ok },
      undefined,
      ['confirm@a'],
    ],
    ['one not promoted', { 'promote@a': ok, 'promote@c': failed }, undefined, ['confirm@a']],
    ['one promoted by an earlier run', { ...promoted, 'promote@a': skipped }, undefined, ['confirm@c']],
    ['failed and told not to roll back', promoted, rollback(true), ['confirm@a', 'confirm@c']],
    ['rolled back', promoted, rollback(false), []],
  ])('%s', (_what, tasks, back, expected) => {
    const found = unconfirmedTasks(plan, execution(tasks), back);
    expect(found.map(({ id }) => id)).toEqual(expected);
    for (const task of found) expect(task).toMatchObject({ command: 'confirm', revision });
  });
});

describe('hostOutcomes()', () => {
  it('[I8] a host that could not be confirmed has failed, and nobody knows what it serves', () => {
    const error = (failed as Extract<TaskOutcome, { status: 'failed' }>).error;
    const outcomes = hostOutcomes({
      plan,
      execution: execution(
        { ...promoted, 'confirm@a': failed, 'confirm@c': ok },
        { dropped: new Map([[hostName('a'), error]]) },
      ),
      served: new Map(),
      rollback: undefined,
    });
    expect(outcomes.map(({ host, state, live }) => [host, state, live])).toEqual([
      ['a', 'failed', undefined],
      ['b', 'promoted', revision],
      ['c', 'promoted', revision],
    ]);
  });
});
