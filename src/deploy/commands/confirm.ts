import type { Sha } from '../../core/sha.ts';
import type { Task } from '../../plan/plan.ts';
import { confirm } from '../target-client.ts';
import type { RunContext, TaskResult } from './command.ts';
import { HostCommand, revisionOf } from './host-command.ts';

interface ConfirmArguments {
  readonly revision: Sha;
}

/** Tells a host that its promotion stays; until then the host goes back by itself when it loses the deploy host. */
export class ConfirmCommand extends HostCommand<ConfirmArguments> {
  readonly name: string = 'confirm';

  parse(task: Task): ConfirmArguments {
    return { revision: revisionOf(task) };
  }

  describe({ revision }: ConfirmArguments, task: Task): string {
    return `confirm revision ${revision.slice(0, 12)} on ${task.host}`;
  }

  async execute(run: RunContext, { revision }: ConfirmArguments, task: Task): Promise<TaskResult> {
    const connection = await this.connect(run, task);
    await confirm(connection, revision, { timeoutMs: run.timeouts.promoteMs, signal: run.signal });
    return { result: 'confirmed', data: {} };
  }
}
