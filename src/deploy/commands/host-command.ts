import { ScapError } from '../../core/errors.ts';
import type { HostName } from '../../core/host-name.ts';
import { isSha, type Sha } from '../../core/sha.ts';
import type { Task } from '../../plan/plan.ts';
import type { Connection } from '../../transport/connection.ts';
import { runStage } from '../target-client.ts';
import { Command, type CommandWorld, type Notify, type RunContext } from './command.ts';

export interface StageOptions {
  readonly timeoutMs: number;
  readonly notify: Notify;
}

/** A command whose work is a stage of the same name on the task's host. */
export abstract class HostCommand<A> extends Command<A> {
  override async initialize({ hosts }: CommandWorld, _args: A, task: Task): Promise<void> {
    if (task.host !== undefined && hosts.has(task.host)) return;
    throw new ScapError(
      'host_unknown',
      `Cannot run the task "${task.id}": there is no host "${task.host ?? ''}" in the inventory`,
      {
        hint: 'Compare the plan with "hosts" in scap.yaml',
      },
    );
  }

  /** The connection to the task's host, with the run admitted there. */
  protected connect(run: RunContext, task: Task): Promise<Connection> {
    return run.fleet.begun(hostOf(task), { fence: run.fence, run: run.id, reason: run.reason }, run.signal);
  }

  /** Runs the stage of the command's name. */
  protected async runStage(
    run: RunContext,
    task: Task,
    params: Readonly<Record<string, unknown>>,
    options: StageOptions,
  ): Promise<Readonly<Record<string, unknown>>> {
    return this.runStageOver(await this.connect(run, task), run, params, options);
  }

  /** As {@link runStage}, over a connection that {@link connect} gave: the request goes out at once. */
  protected runStageOver(
    connection: Connection,
    run: RunContext,
    params: Readonly<Record<string, unknown>>,
    options: StageOptions,
  ): Promise<Readonly<Record<string, unknown>>> {
    return runStage(
      connection,
      this.name,
      { fence: run.fence, ...params },
      { timeoutMs: options.timeoutMs, signal: run.signal, onNotice: options.notify },
    );
  }
}

export function hostOf(task: Task): HostName {
  if (task.host !== undefined) return task.host;
  throw invalidTask(task, 'it names no host');
}

export function revisionOf(task: Task): Sha {
  if (isSha(task.revision)) return task.revision;
  throw invalidTask(task, `"revision" should be 40 hex digits and is ${JSON.stringify(task.revision) ?? 'missing'}`);
}

export function numberOf(task: Task, name: string): number {
  const value = task[name];
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw invalidTask(task, `"${name}" should be a number and is ${JSON.stringify(value) ?? 'missing'}`);
}

export function invalidTask(task: Task, why: string): ScapError {
  return new ScapError('plan_invalid', `Cannot use the task "${task.id}" (${task.command}): ${why}`, {
    hint: 'Repair the plan, or make a new one with: scap plan',
  });
}
