/**
 * When the hosts of a batch switch. Told one after the other, the last of a hundred would switch when the first has long done so; told ahead,
 * each waits for the same moment by its own clock. Pure but for what it remembers of each plan.
 */
import type { Plan, PlanStage, Task } from '../plan/plan.ts';

/** For everybody to be told in time: so much, and so much for each host. In milliseconds. */
const leadMs = 5;
const leadPerHostMs = 2;
const longestLeadMs = 1000;

export interface SwitchMoment {
  /** By the deploy host's clock, milliseconds since 1970. */
  readonly at: number;
  /** How long a host keeps quiet after its switch, so that it does not delay those that share a machine with it. */
  readonly quietMs: number;
}

interface Moments {
  readonly stageOf: ReadonlyMap<string, PlanStage>;
  readonly moments: Map<PlanStage, SwitchMoment>;
}

const known = new WeakMap<Plan, Moments>();

/** The moment for all hosts of the task's stage, fixed when the first of them asks; `undefined` for one that is alone. */
export function switchMoment(plan: Plan, task: Task, now: number): SwitchMoment | undefined {
  const { stageOf, moments } = known.get(plan) ?? remember(plan);
  const stage = stageOf.get(task.id);
  const hosts = stage?.tasks.length ?? 0;
  if (stage === undefined || hosts < 2) return undefined;
  const moment = moments.get(stage) ?? {
    at: now + Math.min(leadMs + leadPerHostMs * hosts, longestLeadMs),
    quietMs: Math.min(hosts / 2, 50),
  };
  moments.set(stage, moment);
  return moment;
}

function remember(plan: Plan): Moments {
  const stageOf = new Map<string, PlanStage>();
  for (const stage of plan.stages) for (const { id } of stage.tasks.flat() as Task[]) stageOf.set(id, stage);
  const fresh = { stageOf, moments: new Map<PlanStage, SwitchMoment>() };
  known.set(plan, fresh);
  return fresh;
}
