/**
 * What a run came to, decided from what its tasks did. Pure.
 */
import {
  type ErrorCode,
  type ErrorReport,
  type ExitStatus,
  exitStatus,
  isUnreachable,
  toErrorReport,
} from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import type { Sha } from '../core/sha.ts';
import { type HostCounts, type HostState, hostStates, type RunOutcome } from '../events/event.ts';
import { allTasks, type Plan, type Task } from '../plan/plan.ts';
import type { Execution } from './executor.ts';

/** How a run ended for one host. */
export interface HostOutcome {
  readonly host: HostName;
  readonly state: HostState;
  /** What it serves now as far as is known; `undefined` when nothing is known, as of a host that another run has taken over. */
  readonly live: Sha | null | undefined;
  readonly error: ErrorReport | undefined;
}

/** Hosts whose live path this run has moved, or may have: a promotion that ended without an answer counts. */
export function promotedHosts(plan: Plan, execution: Execution): HostName[] {
  return allTasks(plan).flatMap(({ id, command, host }) => {
    const outcome = execution.tasks.get(id);
    if (command !== 'promote' || host === undefined || outcome === undefined) return [];
    if (outcome.status === 'failed') return leavesDoubt(outcome.error.code) ? [host] : [];
    return outcome.result.data.changed === false ? [] : [host];
  });
}

/**
 * Tells whether, after this error, nobody knows what the target did last: any but those that surely come before the switch. An answer that makes
 * no sense may follow a switch.
 */
export function leavesDoubt(code: ErrorCode): boolean {
  return !isUnreachable(code) && !beforeSwitch.has(code);
}

const beforeSwitch: ReadonlySet<ErrorCode> = new Set([
  'revision_drifted',
  'revision_incomplete',
  'repository_damaged',
  'live_foreign',
  'fence_stale',
  'target_busy',
  'tool_missing',
  'node_missing',
  'node_too_old',
  'agent_unusable',
  'usage',
  'host_unknown',
]);

export interface OutcomeFacts {
  readonly plan: Plan;
  readonly execution: Execution;
  /** What each host served when the run began. */
  readonly served: ReadonlyMap<HostName, Sha | null>;
  /** `undefined` when there was nothing to roll back. */
  readonly rollback: RollbackOutcome | undefined;
}

/** What became of the attempt to take hosts back to what they served. */
export interface RollbackOutcome {
  /** The run was told to leave the hosts as they are. */
  readonly declined: boolean;
  readonly restored: ReadonlySet<HostName>;
  readonly failed: ReadonlyMap<HostName, ErrorReport>;
}

/** The state of every host the plan names: those that needed nothing first, those that were left out last. */
export function hostOutcomes({ plan, execution, served, rollback }: OutcomeFacts): HostOutcome[] {
  const unchanged = plan.unchanged.map(
    (host): HostOutcome => ({ host, state: 'unchanged', live: plan.revision, error: undefined }),
  );
  const touched = [...tasksByHost(plan)].map(([host, tasks]): HostOutcome => {
    const error = execution.dropped.get(host);
    const report = error && toErrorReport(error);
    const before = served.get(host);
    const failedBack = rollback?.failed.get(host);
    if (failedBack) return { host, state: 'failed', live: undefined, error: failedBack };
    if (rollback?.restored.has(host)) return { host, state: 'rolled-back', live: before ?? null, error: report };
    const promote = tasks.find(({ command }) => command === 'promote');
    const promotion = promote && execution.tasks.get(promote.id);
    // A host that could not be told to stay may have gone back, or be about to.
    const confirmation = tasks.find(({ command }) => command === 'confirm');
    if (confirmation && execution.tasks.get(confirmation.id)?.status === 'failed')
      return { host, state: 'failed', live: undefined, error: report };
    if (promotion?.status === 'ok' || promotion?.status === 'skipped') {
      const changed = promotion.result.data.changed !== false;
      return { host, state: changed ? 'promoted' : 'unchanged', live: plan.revision, error: report };
    }
    if (error !== undefined && isUnreachable(error.code))
      return { host, state: 'unreachable', live: undefined, error: report };
    if (error) {
      const isUnknown = error.code === 'fence_stale' || (promotion && leavesDoubt(error.code));
      return { host, state: 'failed', live: isUnknown ? undefined : before, error: report };
    }
    if (promote === undefined && tasks.every(({ id }) => execution.tasks.get(id)?.status === 'ok')) {
      return { host, state: 'unchanged', live: before, error: undefined };
    }
    return { host, state: 'not-attempted', live: before, error: undefined };
  });
  const skipped = (plan.skipped ?? []).map(
    (host): HostOutcome => ({ host, state: 'skipped', live: undefined, error: undefined }),
  );
  return [...unchanged, ...touched, ...skipped];
}

/** The tasks of each host the plan names, in one pass over the plan: a look at every task for every host is quadratic. */
function tasksByHost(plan: Plan): Map<HostName, Task[]> {
  const found = new Map<HostName, Task[]>();
  for (const task of allTasks(plan)) {
    if (task.host === undefined) continue;
    const tasks = found.get(task.host);
    if (tasks === undefined) found.set(task.host, [task]);
    else tasks.push(task);
  }
  return found;
}

export function countStates(outcomes: readonly HostOutcome[]): HostCounts {
  const counts = Object.fromEntries(hostStates.map((state) => [state, 0])) as Record<HostState, number>;
  for (const { state } of outcomes) counts[state]++;
  return counts;
}

/** Tells whether the plan's revision is recorded as what should be live, by this run or by the one it resumes. */
export function isRecorded({ tasks }: Execution): boolean {
  const status = tasks.get('record')?.status;
  return status === 'ok' || status === 'skipped';
}

/** A host that was left out on purpose is as the operator wants it. */
const wholeStates: ReadonlySet<HostState> = new Set(['promoted', 'unchanged', 'skipped']);

/** How the whole run ended. */
export function runOutcome({ execution, rollback }: OutcomeFacts, outcomes: readonly HostOutcome[]): RunOutcome {
  if (rollback !== undefined) return rollback.declined || rollback.failed.size > 0 ? 'not-rolled-back' : 'rolled-back';
  // Once it is recorded what should be live, nothing that fails afterwards makes it undone.
  if (execution.failure !== undefined) return isRecorded(execution) ? 'partial' : 'failed';
  if (execution.interrupted) return 'interrupted';
  const whole = outcomes.every(({ state, error }) => wholeStates.has(state) && error === undefined);
  return whole ? 'ok' : 'partial';
}

/**
 * The exit status that says so. A run that failed before anything moved counts as rolled back: every host serves what it served; or as
 * refused, when hosts that another run has taken over are why.
 */
export function outcomeStatus(outcome: RunOutcome, hosts: readonly Pick<HostOutcome, 'error'>[] = []): ExitStatus {
  const causes = hosts.flatMap(({ error }) => (error === undefined ? [] : [error.code]));
  if (outcome === 'failed' && causes.length > 0 && causes.every((code) => code === 'fence_stale'))
    return exitStatus.refused;
  const statuses: Record<RunOutcome, ExitStatus> = {
    ok: exitStatus.ok,
    partial: exitStatus.partial,
    failed: exitStatus.rolledBack,
    'rolled-back': exitStatus.rolledBack,
    'not-rolled-back': exitStatus.notRolledBack,
    interrupted: exitStatus.interrupted,
    aborted: exitStatus.interrupted,
  };
  return statuses[outcome];
}
