import { describe, expect, it } from 'vitest';
import { limitPlan } from '../../../src/deploy/generators/limiting.ts';
import { type PromotionFacts, planPromotion } from '../../../src/deploy/generators/promotion.ts';
import { planSeeding } from '../../../src/deploy/generators/seeding.ts';
import { formatPlan, type Plan, parsePlan } from '../../../src/plan/plan.ts';
import { aGroup, aHost, hostName, sha } from '../../support/deploy-facts.ts';

const [a, b, c, d] = [aHost('a'), aHost('b'), aHost('c'), aHost('d')] as const;
const [old, wanted] = [sha('1'), sha('2')];
const behind = { live: old, complete: new Set([old]) };
const current = { live: wanted, complete: new Set([wanted, old]) };
const groups = [aGroup('canary', [a], 0), aGroup('rest', [b, c, d], 2)];
const facts = (rest: Partial<PromotionFacts> = {}): PromotionFacts => ({
  kind: 'push',
  revision: wanted,
  base: old,
  message: 'why',
  inventory: { groups },
  hosts: [b, c].map((host) => ({ host, ...behind })),
  concurrency: 50,
  ...rest,
});
const budgets = (plan: Plan) => plan.stages.map(({ name, failureBudget }) => [name, failureBudget]);
const skipped = [hostName('a'), hostName('d')];

describe('limitPlan()', () => {
  it('notes who is left out; a group of which all are is not in the plan', () => {
    const plan = limitPlan(planPromotion(facts()), skipped);
    expect(plan.skipped).toEqual(['a', 'd']);
    expect(plan.stages.map(({ name }) => name)).toEqual(['fetch', 'config', 'promote:rest', 'record', 'finalize']);
    expect(parsePlan(formatPlan(plan), 'plan.json')).toEqual(plan);
  });

  it('returns a plan that leaves out nobody as it is', () => {
    const plan = planPromotion(facts());
    expect(limitPlan(plan, [])).toBe(plan);
  });

  it('[B31] keeps the budgets of the whole groups, short of losing every host of the plan', () => {
    expect(budgets(limitPlan(planPromotion(facts()), skipped))).toEqual([
      ['fetch', 1],
      ['config', 2],
      ['promote:rest', 1],
      ['record', 0],
      ['finalize', 2],
    ]);
    const three = facts({ hosts: [b, c, d].map((host) => ({ host, ...behind })) });
    expect(budgets(limitPlan(planPromotion(three), [hostName('a')]))).toContainEqual(['promote:rest', 2]);
  });

  it.each<[string, Partial<PromotionFacts>]>([
    [
      'another host serves the revision',
      {
        hosts: [
          { host: b, ...behind },
          { host: c, ...current },
        ],
      },
    ],
    ['the revision is what should be live already', { base: wanted }],
  ])('[B31] lets every host of the plan fail, as the budget says, when %s', (_what, rest) => {
    const plan = limitPlan(planPromotion(facts(rest)), skipped);
    expect(budgets(plan)).toContainEqual(['fetch', 2]);
    expect(budgets(plan)).toContainEqual(['promote:rest', 2]);
  });
});

describe('planSeeding()', () => {
  const seed = (rest: Partial<PromotionFacts> = {}) => planSeeding(facts({ base: wanted, ...rest }));

  it('brings each host to what should be live, one host not depending on another, and records nothing', () => {
    const plan = seed({ hosts: [a, b].map((host) => ({ host, ...behind })) });
    expect(plan).toMatchObject({ kind: 'seed', revision: wanted, base: wanted, unchanged: [] });
    expect(budgets(plan)).toEqual([
      ['fetch', 2],
      ['config', 2],
      ['promote:canary', 2],
      ['promote:rest', 2],
      ['finalize', 2],
    ]);
  });

  it('[B21] fetches also for a host that claims to serve the revision: that verifies and repairs', () => {
    const plan = seed({ hosts: [{ host: b, ...current }] });
    expect(plan.unchanged).toEqual([]);
    expect(plan.stages[0]?.tasks).toEqual([{ id: 'fetch@b', command: 'fetch', host: 'b', revision: wanted }]);
  });
});
