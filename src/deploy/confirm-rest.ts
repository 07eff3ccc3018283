/**
 * Confirms what a run leaves promoted although it did not come to its confirmations: it was interrupted, or failed and was told not to roll back.
 * An orderly end is a decision to keep, not the loss of a deploy host.
 */
import { toErrorReport } from '../core/errors.ts';
import { settleAll } from '../core/settle-all.ts';
import { allTasks, type Plan, type Task } from '../plan/plan.ts';
import { createSharedController } from '../system/interrupt.ts';
import type { RunContext } from './commands/command.ts';
import { ConfirmCommand } from './commands/confirm.ts';
import { hostConcurrency } from './deploy-host.ts';
import type { Execution } from './executor.ts';
import type { RollbackOutcome } from './outcome.ts';

/** Best effort: a host that cannot be told is noted, and goes back by itself. */
export async function confirmRest(
  run: RunContext,
  execution: Execution,
  rollback: RollbackOutcome | undefined,
): Promise<void> {
  const tasks = unconfirmedTasks(run.plan, execution, rollback);
  const command = new ConfirmCommand();
  // What stopped the run must not stop this.
  const keeping = { ...run, signal: createSharedController().signal };
  await settleAll(tasks, { limit: hostConcurrency }, async (task) => {
    try {
      await command.execute(keeping, command.parse(task), task);
    } catch (error) {
      const message = `Cannot confirm what it serves: ${toErrorReport(error).message}`;
      if (task.host !== undefined) run.bus.emit('host.noted', { host: task.host, code: 'confirm.failed', message });
    }
  });
}

/** A confirmation for every promotion that is to stay and waits for one. Hosts that were to be taken back are right to go back by themselves. */
export function unconfirmedTasks(plan: Plan, execution: Execution, rollback: RollbackOutcome | undefined): Task[] {
  if (rollback !== undefined && !rollback.declined) return [];
  return allTasks(plan).flatMap(({ id, command, host, onControllerLoss, revision }) => {
    const promotion = execution.tasks.get(id);
    if (command !== 'promote' || onControllerLoss !== 'revert' || promotion?.status !== 'ok') return [];
    const isConfirmed = execution.tasks.get(`confirm@${host}`)?.status === 'ok';
    return isConfirmed ? [] : [{ id: `confirm@${host}`, command: 'confirm', host, revision } as Task];
  });
}
