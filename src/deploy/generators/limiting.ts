import type { HostName } from '../../core/host-name.ts';
import { allTasks, type Plan, type PlanStage } from '../../plan/plan.ts';

/**
 * Notes in a plan which hosts it leaves out on purpose. Budgets stay those of the whole groups, with one exception: when every host of the plan
 * fails, the run fails. What nobody serves must not be recorded as what should be live, and a group's budget may be larger than the selection.
 */
export function limitPlan(plan: Plan, skipped: readonly HostName[]): Plan {
  if (skipped.length === 0) return plan;
  const mayEndUnserved =
    plan.revision !== plan.base &&
    plan.unchanged.length === 0 &&
    allTasks(plan).some(({ command }) => command === 'record');
  const promotions = plan.stages.filter((stage) => runs(stage, 'promote'));
  const decisive = (stage: PlanStage) => runs(stage, 'fetch') || (promotions.length === 1 && stage === promotions[0]);
  const stages = plan.stages.map((stage) =>
    mayEndUnserved && decisive(stage)
      ? { ...stage, failureBudget: Math.min(stage.failureBudget, stage.tasks.length - 1) }
      : stage,
  );
  return { ...plan, stages, skipped };
}

function runs({ tasks }: PlanStage, command: string): boolean {
  return tasks.flat().some((task) => task.command === command);
}
