import type { Sha } from '../../core/sha.ts';
import type { Host } from '../../inventory/host.ts';
import { type Plan, planVersion } from '../../plan/plan.ts';
import { newPlanId } from './promotion.ts';

export interface CleaningFacts {
  readonly live: Sha;
  readonly hosts: readonly Host[];
  /** How many complete revisions each host keeps; default: what the configuration says. */
  readonly keep: number | undefined;
  readonly graceMs: number | undefined;
  readonly concurrency: number;
}

/** The plan that prunes on every host. A host that cannot is no reason to keep the others from it. */
export function planCleaning({ live, hosts, keep, graceMs, concurrency }: CleaningFacts): Plan {
  const tasks = hosts.map((host) => ({
    id: `finalize@${host.name}`,
    command: 'finalize',
    host: host.name,
    keep: keep ?? host.keepRevisions,
    graceMs: graceMs ?? host.graceTimeMs,
  }));
  return {
    version: planVersion,
    id: newPlanId('clean'),
    kind: 'clean',
    revision: live,
    base: live,
    message: 'Prune revisions nobody needs',
    createdAt: new Date().toISOString(),
    stages: [{ name: 'finalize', concurrency, concurrencyPerHost: 1, failureBudget: hosts.length, tasks }],
    unchanged: [],
  };
}
