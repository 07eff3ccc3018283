import type { HostName } from '../../core/host-name.ts';
import type { Sha } from '../../core/sha.ts';
import { type Plan, planVersion } from '../../plan/plan.ts';
import { newPlanId } from './promotion.ts';

export interface RepairFacts {
  /** What should be live. */
  readonly live: Sha;
  /** Hosts to repair, with what each of them serves. */
  readonly drifted: ReadonlyMap<HostName, Sha>;
  /** Hash every byte on the way. */
  readonly deep: boolean;
  readonly concurrency: number;
}

/** The plan that makes what drifted hosts serve whole again, in place; nothing is promoted. One host's failure keeps no other from it. */
export function planRepair({ live, drifted, deep, concurrency }: RepairFacts): Plan {
  const tasks = [...drifted].map(([host, revision]) => ({
    id: `fetch@${host}`,
    command: 'fetch',
    host,
    revision,
    deep,
  }));
  return {
    version: planVersion,
    id: newPlanId('repair'),
    kind: 'repair',
    revision: live,
    base: live,
    message: 'Repair what was changed on disk',
    createdAt: new Date().toISOString(),
    stages:
      tasks.length === 0
        ? []
        : [{ name: 'fetch', concurrency, concurrencyPerHost: 1, failureBudget: tasks.length, tasks }],
    unchanged: [],
  };
}
