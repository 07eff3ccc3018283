/** How far apart the targets of a run switched. Pure. */
import type { Plan, Task } from '../plan/plan.ts';
import type { TaskOutcome } from './executor.ts';

/**
 * The time between the first and the last switch of one stage, in milliseconds; of several stages the largest. `undefined` when no stage
 * switched two hosts.
 *
 * A target says by its own clock when it switched, which may be wrong by any amount; what the deploy host measured around the request
 * bounds it. So the result is never more than what an observer on the deploy host could have seen.
 */
export function promoteSkewMs(plan: Plan, tasks: ReadonlyMap<string, TaskOutcome>): number | undefined {
  const skews = plan.stages.flatMap((stage) => {
    const times = (stage.tasks.flat() as Task[]).flatMap(({ id }) => switchedAt(tasks.get(id)));
    return times.length < 2 ? [] : [times.reduce(larger) - times.reduce(smaller)];
  });
  return skews.length === 0 ? undefined : skews.reduce(larger);
}

const larger = (a: number, b: number) => Math.max(a, b);
const smaller = (a: number, b: number) => Math.min(a, b);

/** By the deploy host's clock; empty for a task that switched nothing in this run. */
function switchedAt(outcome: TaskOutcome | undefined): number[] {
  if (outcome?.status !== 'ok' || outcome.result.data.changed !== true) return [];
  const { swappedAt, sentAt, receivedAt } = outcome.result.data;
  if (!isTime(swappedAt) || !isTime(sentAt) || !isTime(receivedAt)) return [];
  return [Math.min(Math.max(swappedAt, sentAt), receivedAt)];
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
