/**
 * Takes the hosts that a failed run has moved back to what each of them served: all are tried, each is reported (invariant 9).
 */
import { type ErrorReport, ScapError, toErrorReport } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import { settleAll } from '../core/settle-all.ts';
import type { Sha } from '../core/sha.ts';
import type { Task } from '../plan/plan.ts';
import { createSharedController } from '../system/interrupt.ts';
import type { CommandRegistry, RunContext } from './commands/command.ts';
import { hostConcurrency } from './deploy-host.ts';
import type { Execution } from './executor.ts';
import { isRecorded, promotedHosts, type RollbackOutcome } from './outcome.ts';

export interface RollbackOptions {
  readonly execution: Execution;
  /** What each host served when the run began. */
  readonly served: ReadonlyMap<HostName, Sha | null>;
  readonly commands: CommandRegistry;
  /** Whether the operator wants it. */
  readonly wanted: boolean;
}

/** `undefined` when the run did not fail, or nothing had been moved yet, or it was recorded already what should be live. */
export async function rollBackIfNeeded(
  run: RunContext,
  options: RollbackOptions,
): Promise<RollbackOutcome | undefined> {
  const { execution, served, commands, wanted } = options;
  const hosts = promotedHosts(run.plan, execution);
  if (execution.failure === undefined || isRecorded(execution) || hosts.length === 0) return undefined;
  if (!wanted) return { declined: true, restored: new Set(), failed: new Map() };
  run.bus.emit('rollback.started', { hosts, reason: execution.failure.error.message });
  // Undoing must not be stopped by what stopped the run.
  const { signal } = createSharedController();
  using distributor = run.distributor.fork(signal);
  const undoing = { ...run, signal, distributor };
  const settled = await settleAll(hosts, { limit: hostConcurrency }, async (host) => {
    const tasks = undoTasks(host, served.get(host) ?? null, movedAside(execution, host));
    try {
      await performAll(undoing, commands, tasks);
    } catch (error) {
      // An agent that took us for gone has ended meanwhile. What undoing asks for can be asked again.
      if (!(error instanceof ScapError) || error.code !== 'connection_lost') throw error;
      await performAll(undoing, commands, tasks);
    }
  });
  const failed = new Map<HostName, ErrorReport>();
  settled.forEach((item, at) => {
    if (item.status === 'rejected') failed.set(hosts[at] as HostName, toErrorReport(item.reason));
  });
  const restored = new Set(hosts.filter((host) => !failed.has(host)));
  run.bus.emit('rollback.finished', { restored: [...restored], failed: [...failed.keys()] });
  return { declined: false, restored, failed };
}

/** Fetching first costs a look at every file, and repairs what kept the old revision from being promoted: a file edited by hand, say. */
function undoTasks(host: HostName, revision: Sha | null, putBack: string | undefined): Task[] {
  const promote = {
    id: `undo-promote@${host}`,
    command: 'promote',
    host,
    revision,
    ...(putBack !== undefined && { putBack }),
  };
  return revision === null ? [promote] : [{ id: `undo-fetch@${host}`, command: 'fetch', host, revision }, promote];
}

async function performAll(run: RunContext, commands: CommandRegistry, tasks: readonly Task[]): Promise<void> {
  for (const task of tasks) await perform(run, commands, task);
}

async function perform(run: RunContext, commands: CommandRegistry, task: Task): Promise<void> {
  const command = commands.get(task.command);
  if (command === undefined)
    throw new ScapError('plugin_invalid', `Cannot undo: there is no command "${task.command}"`);
  const notify = (notice: { readonly kind: string; readonly code?: string; readonly message?: string }) => {
    if (notice.kind !== 'note' || task.host === undefined) return;
    run.bus.emit('host.noted', { host: task.host, code: notice.code ?? '', message: notice.message ?? '' });
  };
  await command.execute(run, command.parse(task), task, notify);
}

/** Where the promotion of this run moved what stood at the host's live path before scap. */
function movedAside(execution: Execution, host: HostName): string | undefined {
  const outcome = execution.tasks.get(`promote@${host}`);
  const path = outcome?.status === 'ok' ? outcome.result.data.movedAside : undefined;
  return typeof path === 'string' ? path : undefined;
}
