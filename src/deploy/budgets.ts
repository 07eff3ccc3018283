/**
 * Failure budgets of a plan: which hosts count together, and against which number. Stages of one group share a budget, whichever of them
 * loses its hosts; any other stage has one of its own. Pure.
 */
import { ScapError } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import type { PlanStage, Task } from '../plan/plan.ts';

/** The stage that cannot succeed, and why. */
export interface StageFailure {
  readonly stage: string;
  readonly error: ScapError;
}

/** Finds the first budget that the lost hosts exceed; `undefined` when none is. */
export type BudgetJudge = (dropped: ReadonlyMap<HostName, ScapError>) => StageFailure | undefined;

/**
 * Returns what judges while the stage at `at` runs: by its own budget first, then by those of the stages to come, as nothing is gained
 * by what comes before a stage that cannot succeed any more. Budgets of stages that are over are spent and done.
 */
export function createBudgetJudge(stages: readonly PlanStage[], at: number): BudgetJudge {
  const seen = new Set<string>();
  const budgets = stages.slice(at).flatMap((stage): Budget[] => {
    if (stage.group === undefined) return [createBudget(stage, [stage])];
    if (seen.has(stage.group)) return [];
    seen.add(stage.group);
    return [
      createBudget(
        stage,
        stages.filter(({ group }) => group === stage.group),
      ),
    ];
  });
  return (dropped) => {
    for (const budget of budgets) {
      const error = findExcess(budget, dropped);
      if (error !== undefined) return { stage: budget.stage, error };
    }
    return undefined;
  };
}

interface Budget {
  /** The first stage that it keeps from succeeding. */
  readonly stage: string;
  /** What it is the budget of, as people read it. */
  readonly title: string;
  readonly hosts: ReadonlySet<HostName>;
  readonly allowed: number;
}

function createBudget(first: PlanStage, sharing: readonly PlanStage[]): Budget {
  const tasks = sharing.flatMap((stage) => stage.tasks.flat() as Task[]);
  return {
    stage: first.name,
    title: sharing.length > 1 ? `group "${first.group}"` : `"${first.name}"`,
    hosts: new Set(tasks.flatMap(({ host }) => (host === undefined ? [] : [host]))),
    allowed: first.failureBudget,
  };
}

function findExcess({ title, hosts, allowed }: Budget, dropped: ReadonlyMap<HostName, ScapError>) {
  const lost = [...dropped].filter(([host]) => hosts.has(host));
  const [first] = lost;
  if (first === undefined || lost.length <= allowed) return undefined;
  const many = lost.length === 1 ? `${first[0]} failed` : `${lost.length} of ${hosts.size} hosts failed`;
  return new ScapError('run_failed', `Cannot go on with ${title}: ${many}, ${allowed} allowed`, {
    hint: first[1].hint,
    data: { hosts: lost.map(([host]) => host), causes: [...new Set(lost.map(([, error]) => error.code))] },
    cause: first[1],
  });
}
