import type { Plan } from '../../plan/plan.ts';
import { type PromotionFacts, planPromotion } from './promotion.ts';

/**
 * The plan that brings hosts to what should be live. Hosts that claim to serve it are fetched for as well: fetching verifies, and repairs in
 * place. One host's failure keeps no other from it. Nothing is recorded: what should be live stays what it is.
 */
export function planSeeding(facts: Omit<PromotionFacts, 'kind'>): Plan {
  const hosts = facts.hosts.map(({ host }) => ({ host, live: undefined, complete: new Set<never>() }));
  const plan = planPromotion({ ...facts, kind: 'seed', hosts });
  const stages = plan.stages
    .filter(({ tasks }) => tasks.flat().every(({ command }) => command !== 'record'))
    .map((stage) => ({ ...stage, failureBudget: hosts.length }));
  return { ...plan, stages };
}
