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
 * How long to wait after a stage, in milliseconds: nothing when it promoted nobody, or when no promotion is left to wait with. That is one
 * in a stage of any group with a command of this stage: confirming, say, waits for nothing.
 */
export function dueSoakMs({ stages, at, isDone, dropped }: SoakFacts): number {
  const { soakMs = 0, tasks = [] } = stages[at] ?? {};
  const soaked = tasks.flat() as Task[];
  if (soakMs === 0 || !soaked.some(isDone)) return 0;
  const commands = new Set(soaked.map(({ command }) => command));
  const canRun = ({ host }: Task) => host === undefined || !dropped.has(host);
  const next = stages
    .slice(at + 1)
    .filter(({ group }) => group !== undefined)
    .map((stage) => (stage.tasks.flat() as Task[]).filter((task) => commands.has(task.command) && canRun(task)))
    .find((left) => left.length > 0);
  return next?.every(isDone) === false ? soakMs : 0;
}

/** How long a run in which all goes well waits after a stage, in milliseconds. */
export function plannedSoakMs(stages: readonly PlanStage[], at: number): number {
  const soaked = new Set(stages[at]?.tasks.flat());
  return dueSoakMs({ stages, at, isDone: (task) => soaked.has(task), dropped: new Map() });
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
