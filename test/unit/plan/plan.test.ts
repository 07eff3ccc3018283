import { describe, expect, it } from 'vitest';
import { allTasks, formatPlan, parsePlan, planHosts } from '../../../src/plan/plan.ts';
import { aPlan, aStage, aTask } from '../../support/deploy-facts.ts';
import type { Document } from '../../support/operator.ts';

const plan = aPlan([
  aStage('fetch', [aTask('fetch', 'a', { revision: 'x' }), [aTask('one', 'b'), aTask('two', 'b')]]),
  aStage('promote:a 1/2', [aTask('promote', 'a')], { group: 'a', failureBudget: 1, soakMs: 500 }),
  aStage('promote:a 2/2', [aTask('promote', 'b')], { group: 'a', failureBudget: 1, soakMs: 0 }),
  aStage('record', [aTask('record')]),
]);
const edited = (edit: (json: Document) => void) => {
  const json = JSON.parse(formatPlan(plan));
  edit(json);
  return JSON.stringify(json);
};

describe('parsePlan()', () => {
  it('reads what formatPlan() wrote, the arguments of tasks included', () => {
    expect(parsePlan(formatPlan(plan), 'p.json')).toEqual(plan);
  });

  it('keeps who is left out; a file without that leaves out nobody', () => {
    const limited = { ...plan, skipped: ['c', 'd'] };
    expect(
      parsePlan(
        edited((json) => Object.assign(json, { skipped: ['c', 'd'] })),
        'p.json',
      ),
    ).toEqual(limited);
    expect(parsePlan(formatPlan(plan), 'p.json').skipped).toBe(undefined);
  });

  it.each<[string, string, RegExp]>([
    ['not JSON', '{', /^Cannot use the plan "p\.json": not JSON: /],
    ['empty', '', /not JSON/],
    ['null', 'null', /plan: /],
    ['a list', '[]', /plan: /],
    ['of another version', edited((json) => Object.assign(json, { version: 2 })), /version: /],
    [
      'without an id',
      edited((json) => {
        delete json.id;
      }),
      /id: /,
    ],
    ['with an id that is a path', edited((json) => Object.assign(json, { id: '../x' })), /id: /],
    [
      'with a short revision',
      edited((json) => Object.assign(json, { revision: 'abc' })),
      /revision: expected 40 hex digits/,
    ],
    [
      'with an upper-case revision',
      edited((json) => Object.assign(json, { revision: 'A'.repeat(40) })),
      /revision: expected 40 hex digits/,
    ],
    ['with an unknown key', edited((json) => Object.assign(json, { extra: 1 })), /extra/],
    [
      'with a stage without concurrency',
      edited((json) => {
        delete json.stages[0]?.concurrency;
      }),
      /stages\.0\.concurrency: /,
    ],
    [
      'with concurrency 0',
      edited((json) => Object.assign(json.stages[0], { concurrency: 0 })),
      /stages\.0\.concurrency: /,
    ],
    [
      'with a negative budget',
      edited((json) => Object.assign(json.stages[0], { failureBudget: -1 })),
      /stages\.0\.failureBudget: /,
    ],
    [
      'with a group without a name',
      edited((json) => Object.assign(json.stages[1], { group: '' })),
      /stages\.1\.group: /,
    ],
    ['with a group that is none', edited((json) => Object.assign(json.stages[1], { group: 1 })), /stages\.1\.group: /],
    ['with a negative soak', edited((json) => Object.assign(json.stages[1], { soakMs: -1 })), /stages\.1\.soakMs: /],
    ['with a soak in words', edited((json) => Object.assign(json.stages[1], { soakMs: '5s' })), /stages\.1\.soakMs: /],
    [
      'with a soak no timer can wait for',
      edited((json) => Object.assign(json.stages[1], { soakMs: 2 ** 31 })),
      /stages\.1\.soakMs: /,
    ],
    [
      'with two budgets for one group',
      edited((json) => Object.assign(json.stages[2], { failureBudget: 2 })),
      /stage "promote:a 2\/2": failureBudget differs from an earlier stage of group "a"/,
    ],
    ['with an empty chain', edited((json) => Object.assign(json.stages[1], { tasks: [[]] })), /stages\.1\.tasks\.0/],
    [
      'with a host name that is none',
      edited((json) => Object.assign(json.stages[0]?.tasks[0], { host: 'a b' })),
      /stages\.0\.tasks\.0/,
    ],
    [
      'with a task id used twice',
      edited((json) => Object.assign(json.stages[3]?.tasks[0], { id: 'one@b' })),
      /task id "one@b" is used twice/,
    ],
    [
      'with a host that is skipped and has tasks',
      edited((json) => Object.assign(json, { skipped: ['c', 'b'] })),
      /b has tasks and is in "skipped"/,
    ],
    [
      'with a skipped host name that is none',
      edited((json) => Object.assign(json, { skipped: ['a b'] })),
      /skipped\.0/,
    ],
    ['with a time that is none', edited((json) => Object.assign(json, { createdAt: 'yesterday' })), /createdAt: /],
  ])('[B44] refuses one %s', (_what, text, expected) => {
    expect(() => parsePlan(text, 'p.json')).toThrow(
      expect.objectContaining({
        code: 'plan_invalid',
        message: expect.stringMatching(expected),
        hint: expect.stringContaining('scap plan push'),
      }),
    );
  });

  it('names every problem at once', () => {
    const text = edited((json) => Object.assign(json, { version: 9, base: 'x', message: 1 }));
    expect(() => parsePlan(text, 'p.json')).toThrow(/version: .*; base: .*; message: /);
  });
});

describe('allTasks(), planHosts()', () => {
  it('flatten chains and keep the order', () => {
    expect(allTasks(plan).map(({ id }) => id)).toEqual([
      'fetch@a',
      'one@b',
      'two@b',
      'promote@a',
      'promote@b',
      'record',
    ]);
    expect(planHosts(plan)).toEqual(['a', 'b']);
  });
});
