import type { Task } from '../../plan/plan.ts';
import type { Notify, RunContext, TaskResult } from './command.ts';
import { HostCommand, numberOf } from './host-command.ts';

interface FinalizeArguments {
  readonly keep: number;
  readonly graceMs: number;
}

/** Has a host prune what it no longer needs. */
export class FinalizeCommand extends HostCommand<FinalizeArguments> {
  readonly name: string = 'finalize';

  parse(task: Task): FinalizeArguments {
    return { keep: numberOf(task, 'keep'), graceMs: numberOf(task, 'graceMs') };
  }

  describe({ keep }: FinalizeArguments, task: Task): string {
    return `prune on ${task.host}, keeping ${keep} revisions`;
  }

  async execute(run: RunContext, args: FinalizeArguments, task: Task, notify: Notify): Promise<TaskResult> {
    const data = await this.runStage(run, task, { ...args }, { timeoutMs: run.timeouts.finalizeMs, notify });
    const pruned = Array.isArray(data.pruned) ? data.pruned.length : 0;
    return { result: pruned === 0 ? 'nothing to prune' : `pruned ${pruned}`, data };
  }
}
