import type { Task } from '../../plan/plan.ts';
import type { Notify, RunContext, TaskResult } from './command.ts';
import { HostCommand } from './host-command.ts';

/** Renders configuration on a host. */
export class ConfigCommand extends HostCommand<Record<never, never>> {
  readonly name: string = 'config';

  parse(): Record<never, never> {
    return {};
  }

  describe(_args: Record<never, never>, task: Task): string {
    return `render configuration on ${task.host}`;
  }

  async execute(run: RunContext, _args: Record<never, never>, task: Task, notify: Notify): Promise<TaskResult> {
    const data = await this.runStage(run, task, {}, { timeoutMs: run.timeouts.fetchMs, notify });
    return { result: data.rendered === 0 ? 'nothing to render' : `${String(data.rendered)} files`, data };
  }
}
