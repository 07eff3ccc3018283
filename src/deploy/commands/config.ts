import type { Task } from '../../plan/plan.ts';
import { settleClock } from '../settle-clock.ts';
import type { Notify, RunContext, TaskResult } from './command.ts';
import { HostCommand } from './host-command.ts';

/** Hosts switch within a few milliseconds of each other; a thousand of them are not worth waiting for this. */
const closeMs = 2;

/** Renders configuration on a host, and learns its clock for the switch that comes next. */
export class ConfigCommand extends HostCommand<Record<never, never>> {
  readonly name: string = 'config';

  parse(): Record<never, never> {
    return {};
  }

  describe(_args: Record<never, never>, task: Task): string {
    return `render configuration on ${task.host}`;
  }

  async execute(run: RunContext, _args: Record<never, never>, task: Task, notify: Notify): Promise<TaskResult> {
    const connection = await this.connect(run, task);
    const data = await this.runStageOver(connection, run, {}, { timeoutMs: run.timeouts.fetchMs, notify });
    await settleClock(connection, Math.max(closeMs, run.hosts.size / 50));
    return { result: data.rendered === 0 ? 'nothing to render' : `${String(data.rendered)} files`, data };
  }
}
