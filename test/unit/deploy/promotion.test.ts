import { describe, expect, it } from 'vitest';
import type { Sha } from '../../../src/core/sha.ts';
import { planCleaning } from '../../../src/deploy/generators/cleaning.ts';
import { newPlanId, type PromotionFacts, planPromotion } from '../../../src/deploy/generators/promotion.ts';
import type { Group } from '../../../src/inventory/inventory.ts';
import { allTasks, formatPlan, type PlanStage, parsePlan, type Task } from '../../../src/plan/plan.ts';
import { aGroup, aHost, sha } from '../../support/deploy-facts.ts';

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => aHost(name)) as [
  ReturnType<typeof aHost>,
  ReturnType<typeof aHost>,
  ReturnType<typeof aHost>,
  ReturnType<typeof aHost>,
];
const [old, wanted] = [sha('1'), sha('2')];

const facts = (rest: Partial<PromotionFacts> = {}): PromotionFacts => ({
  kind: 'push',
  revision: wanted,
  base: old,
  message: 'why',
  inventory: { groups: [aGroup('all', [a, b, c, d])] },
  hosts: [a, b, c, d].map((host) => ({ host, live: old, complete: new Set([old]) })),
  concurrency: 50,
  id: 'push-x',
  now: new Date('2026-01-02T03:04:05Z'),
  ...rest,
});
const outline = (plan: ReturnType<typeof planPromotion>) =>
  plan.stages.map(({ name, failureBudget, tasks }) => [
    name,
    failureBudget,
    tasks.map((task) => (task as { id: string }).id),
  ]);

describe('planPromotion()', () => {
  it('fetches everywhere, configures, promotes, records, prunes', () => {
    const plan = planPromotion(facts());
    expect(outline(plan)).toEqual([
      ['fetch', 0, ['fetch@a', 'fetch@b', 'fetch@c', 'fetch@d']],
      ['config', 0, ['config@a', 'config@b', 'config@c', 'config@d']],
      ['promote', 0, ['promote@a', 'promote@b', 'promote@c', 'promote@d']],
      ['record', 0, ['record']],
      ['finalize', 0, ['finalize@a', 'finalize@b', 'finalize@c', 'finalize@d']],
    ]);
    expect(plan).toMatchObject({
      version: 1,
      id: 'push-x',
      kind: 'push',
      revision: wanted,
      base: old,
      message: 'why',
      createdAt: '2026-01-02T03:04:05.000Z',
      unchanged: [],
    });
    // Fetch and promote: all hosts at once.
    expect(plan.stages.map(({ concurrency, concurrencyPerHost }) => [concurrency, concurrencyPerHost])).toEqual([
      [4, 1],
      [50, 1],
      [4, 1],
      [50, 1],
      [50, 1],
    ]);
  });

  it('promotes the groups in their order, each with its budget; the budget of the other stages is the sum', () => {
    const plan = planPromotion(
      facts({ inventory: { groups: [aGroup('canary', [c], 0), aGroup('rest', [a, b, d], 2)] } }),
    );
    expect(outline(plan)).toEqual([
      ['fetch', 2, ['fetch@a', 'fetch@b', 'fetch@c', 'fetch@d']],
      ['config', 2, ['config@a', 'config@b', 'config@c', 'config@d']],
      ['promote:canary', 0, ['promote@c']],
      ['promote:rest', 2, ['promote@a', 'promote@b', 'promote@d']],
      ['record', 0, ['record']],
      ['finalize', 2, ['finalize@a', 'finalize@b', 'finalize@c', 'finalize@d']],
    ]);
  });

  const many = (count: number) => Array.from({ length: count }, (_, at) => aHost(`h${at + 1}`));
  const promoting = (groups: readonly Group[], kind = 'push') => {
    const hosts = groups.flatMap((group) => group.hosts.map((host) => ({ host, live: old, complete: new Set<Sha>() })));
    const plan = planPromotion(facts({ inventory: { groups }, hosts, concurrency: 2, kind }));
    expect(parsePlan(formatPlan(plan), 'plan.json')).toEqual(plan);
    return plan.stages.filter(({ name }) => name.startsWith('promote'));
  };
  const sizes = (stages: readonly PlanStage[]) => stages.map(({ name, tasks }) => [name, tasks.length]);

  it.each<[string, number, number, [string, number][]]>([
    ['larger than the group', 3, 50, [['promote', 3]]],
    ['of the group itself', 3, 3, [['promote', 3]]],
    [
      'that leaves a rest',
      4,
      3,
      [
        ['promote 1/2', 3],
        ['promote 2/2', 1],
      ],
    ],
    [
      'of one',
      3,
      1,
      [
        ['promote 1/3', 1],
        ['promote 2/3', 1],
        ['promote 3/3', 1],
      ],
    ],
  ])('[B31] splits the only group into batches, here %s', (_what, size, batchSize, expected) => {
    expect(sizes(promoting([aGroup('all', many(size), 0, { batchSize })]))).toEqual(expected);
  });

  it('[B31] promotes groups batch by batch; all batches of a group name its budget, its soak and it', () => {
    const hosts = many(10);
    const stages = promoting([
      aGroup('canary', hosts.slice(0, 1), 0, { soakMs: 20_000 }),
      aGroup('none', []),
      aGroup('rest', hosts.slice(1), 2, { batchSize: 4, soakMs: 1000, concurrency: 3 }),
    ]);
    expect(stages.map(({ tasks, ...stage }) => [tasks.length, stage])).toEqual([
      [
        1,
        {
          name: 'promote:canary',
          group: 'canary',
          failureBudget: 0,
          soakMs: 20_000,
          concurrency: 1,
          concurrencyPerHost: 1,
        },
      ],
      [
        4,
        {
          name: 'promote:rest 1/3',
          group: 'rest',
          failureBudget: 2,
          soakMs: 1000,
          concurrency: 3,
          concurrencyPerHost: 1,
        },
      ],
      [
        4,
        {
          name: 'promote:rest 2/3',
          group: 'rest',
          failureBudget: 2,
          soakMs: 1000,
          concurrency: 3,
          concurrencyPerHost: 1,
        },
      ],
      [
        1,
        {
          name: 'promote:rest 3/3',
          group: 'rest',
          failureBudget: 2,
          soakMs: 1000,
          concurrency: 3,
          concurrencyPerHost: 1,
        },
      ],
    ]);
    expect(stages.flatMap(({ tasks }) => tasks.map((task) => (task as Task).host))).toEqual(
      hosts.map(({ name }) => name),
    );
  });

  it('[B31] promotes a whole batch at once, whatever the concurrency of other stages', () => {
    expect(promoting([aGroup('all', many(7))])[0]).toMatchObject({ concurrency: 7, group: 'all' });
    expect(promoting([aGroup('all', many(7))])[0]).not.toHaveProperty('soakMs');
  });

  it('[B33] a rollback keeps the batches and does not soak', () => {
    const group = aGroup('all', many(4), 0, { batchSize: 2, soakMs: 20_000 });
    const back = promoting([group], 'rollback');
    expect(sizes(back)).toEqual(sizes(promoting([group])));
    for (const stage of back) expect(stage).not.toHaveProperty('soakMs');
  });

  it('[B31] counts batches by the hosts that are left to promote', () => {
    const hosts = many(6);
    const plan = planPromotion(
      facts({
        inventory: { groups: [aGroup('all', hosts, 1, { batchSize: 3 })] },
        hosts: hosts.map((host, at) =>
          at < 4 ? { host, live: wanted, complete: new Set([wanted]) } : { host, live: old, complete: new Set<Sha>() },
        ),
      }),
    );
    expect(outline(plan)[2]).toEqual(['promote', 1, ['promote@h5', 'promote@h6']]);
  });

  it('[B1] leaves hosts alone that serve the revision, and a group of which all do', () => {
    const serving = { live: wanted, complete: new Set([wanted]) };
    const plan = planPromotion(
      facts({
        inventory: { groups: [aGroup('canary', [a]), aGroup('rest', [b, c, d])] },
        hosts: [
          { host: a, ...serving },
          { host: b, live: old, complete: new Set() },
          { host: c, ...serving },
          { host: d, live: undefined, complete: new Set() },
        ],
      }),
    );
    expect(plan.unchanged).toEqual(['a', 'c']);
    expect(outline(plan).map(([name]) => name)).toEqual(['fetch', 'config', 'promote:rest', 'record', 'finalize']);
    expect(allTasks(plan).filter(({ host }) => host === 'a' || host === 'c')).toEqual([]);
  });

  it.each<[string, { live: ReturnType<typeof sha> | undefined; complete: ReturnType<typeof sha>[] }, boolean]>([
    ['serves it and it is complete', { live: wanted, complete: [wanted, old] }, false],
    ['serves it but it is not complete (or was changed)', { live: wanted, complete: [old] }, true],
    ['has it complete but serves another', { live: old, complete: [wanted] }, true],
    ['serves nothing', { live: undefined, complete: [] }, true],
  ])('a host that %s', (_what, { live, complete }, planned) => {
    const plan = planPromotion(
      facts({ inventory: { groups: [aGroup('all', [a])] }, hosts: [{ host: a, live, complete: new Set(complete) }] }),
    );
    expect(allTasks(plan).some(({ host }) => host === 'a')).toBe(planned);
  });

  it('[B1] has no stage when everybody serves it and that is recorded', () => {
    const hosts = [a, b].map((host) => ({ host, live: wanted, complete: new Set([wanted]) }));
    expect(planPromotion(facts({ base: wanted, hosts }))).toMatchObject({ stages: [], unchanged: ['a', 'b'] });
  });

  it('only records when everybody serves it and that is not recorded', () => {
    const hosts = [a, b].map((host) => ({ host, live: wanted, complete: new Set([wanted]) }));
    expect(outline(planPromotion(facts({ hosts })))).toEqual([['record', 0, ['record']]]);
  });

  it('of a first deploy has no base', () => {
    expect(planPromotion(facts({ base: undefined })).base).toBe(null);
  });

  it('has hosts that go back without the deploy host confirm after all promotions, by the budget of their group', () => {
    const reverting = (name: string) => ({ ...aHost(name), onControllerLoss: 'revert' as const });
    const [x, y] = [reverting('x'), reverting('y')];
    const plan = planPromotion(
      facts({
        inventory: { groups: [aGroup('canary', [x], 0), aGroup('middle', [a], 0), aGroup('rest', [b, y], 1)] },
        hosts: [a, b, x, y].map((host) => ({ host, live: old, complete: new Set([old]) })),
      }),
    );
    expect(outline(plan).slice(2, 8)).toEqual([
      ['promote:canary', 0, ['promote@x']],
      ['promote:middle', 0, ['promote@a']],
      ['promote:rest', 1, ['promote@b', 'promote@y']],
      ['confirm:canary', 0, ['confirm@x']],
      ['confirm:rest', 1, ['confirm@y']],
      ['record', 0, ['record']],
    ]);
    const promotions = allTasks(plan).filter(({ command }) => command === 'promote');
    expect(promotions.map(({ host, onControllerLoss }) => [host, onControllerLoss])).toEqual([
      ['x', 'revert'],
      ['a', undefined],
      ['b', undefined],
      ['y', 'revert'],
    ]);
  });

  it('gives each host its own retention', () => {
    const plan = planPromotion(
      facts({
        inventory: { groups: [] },
        hosts: [{ host: aHost('x', { keepRevisions: 9, graceTimeMs: 5 }), live: old, complete: new Set() }],
      }),
    );
    expect(plan.stages.at(-1)?.tasks).toEqual([
      { id: 'finalize@x', command: 'finalize', host: 'x', keep: 9, graceMs: 5 },
    ]);
  });

  it('makes plans that survive being saved', () => {
    const plan = planPromotion(facts());
    expect(parsePlan(formatPlan(plan), 'plan.json')).toEqual(plan);
  });
});

describe('planCleaning()', () => {
  const clean = {
    live: old,
    hosts: [aHost('a', { keepRevisions: 3, graceTimeMs: 7 }), b],
    keep: undefined,
    graceMs: undefined,
    concurrency: 4,
  };

  it('prunes everywhere as configured; a host that cannot keeps no other from it', () => {
    const plan = planCleaning(clean);
    expect(plan).toMatchObject({ kind: 'clean', revision: old, base: old, unchanged: [] });
    expect(plan.stages).toEqual([
      {
        name: 'finalize',
        concurrency: 4,
        concurrencyPerHost: 1,
        failureBudget: 2,
        tasks: [
          { id: 'finalize@a', command: 'finalize', host: 'a', keep: 3, graceMs: 7 },
          { id: 'finalize@b', command: 'finalize', host: 'b', keep: 5, graceMs: 600_000 },
        ],
      },
    ]);
  });

  it('takes what the operator says over what is configured, 0 included', () => {
    expect(planCleaning({ ...clean, keep: 0, graceMs: 0 }).stages[0]?.tasks).toMatchObject([
      { keep: 0, graceMs: 0 },
      { keep: 0, graceMs: 0 },
    ]);
  });
});

describe('newPlanId()', () => {
  it('tells kind and time, differs every time, and is one that parsePlan() accepts', () => {
    const [one, two] = [newPlanId('sync-file'), newPlanId('sync-file')];
    expect(one).toMatch(/^sync-file-\d{8}T\d{6}Z-[0-9a-f]{6}$/);
    expect(one).not.toBe(two);
  });
});
