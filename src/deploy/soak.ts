/**
 * The pause after a batch: time for what was just promoted to show its faults before more of the fleet gets it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostName } from '../core/host-name.ts';
import type { PlanStage, Task } from '../plan/plan.ts';
import type { RunContext } from './commands/command.ts';

export interface SoakFacts {
  readonly stages: readonly PlanStage[];
  /** The stage that has just ended well. */
  readonly at: number;
  /** Tells whether a task is done, in this run or in the interrupted one that it resumes. */
  readonly isDone: (task: Task) => boolean;
  readonly dropped: ReadonlyMap<HostName, unknown>;
}

/**
 * How long to wait after a stage, in milliseconds: nothing when it promoted nobody, or when no promotion is left to wait with. Promotions
 * are the stages of groups.
 */
export function dueSoakMs({ stages, at, isDone, dropped }: SoakFacts): number {
  const { soakMs = 0, tasks = [] } = stages[at] ?? {};
  if (soakMs === 0 || !(tasks.flat() as Task[]).some(isDone)) return 0;
  const canRun = ({ host }: Task) => host === undefined || !dropped.has(host);
  const next = stages
    .slice(at + 1)
    .filter(({ group }) => group !== undefined)
    .map((stage) => (stage.tasks.flat() as Task[]).filter(canRun))
    .find((left) => left.length > 0);
  return next?.every(isDone) === false ? soakMs : 0;
}

/** Waits, at most until the run is interrupted. */
export async function soak({ bus, signal }: RunContext, stage: string, durationMs: number): Promise<void> {
  if (durationMs === 0 || signal.aborted) return;
  bus.emit('soak.started', { stage, durationMs });
  try {
    await sleep(durationMs, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
