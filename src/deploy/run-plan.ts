/**
 * A run: a plan executed under a number, logged, rolled back when it fails, and recorded.
 */
import { type ErrorReport, ScapError, toErrorReport } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import { isSha } from '../core/sha.ts';
import { createEventBus, type HostCounts, type RunOutcome, type ScapEvent } from '../events/event.ts';
import { type Plan, planHosts } from '../plan/plan.ts';
import type { DeployRepository } from '../revision/deploy-repository.ts';
import { createBundleStore } from './bundle-store.ts';
import type { RunContext, TaskResult } from './commands/command.ts';
import { confirmRest } from './confirm-rest.ts';
import { commandWorld, type DeployHost, openFleet } from './deploy-host.ts';
import { appendDeployRecord, type DeployRecord, nextRunNumber } from './deploy-records.ts';
import { createDistributor } from './distribution/distributor.ts';
import { createNeighbours } from './distribution/neighbours.ts';
import { type Execution, executePlan, initializePlan } from './executor.ts';
import type { Fleet } from './fleet.ts';
import { countStates, type HostOutcome, hostOutcomes, runOutcome } from './outcome.ts';
import { rollBackIfNeeded } from './roll-back.ts';
import { openRunLog } from './run-log.ts';
import { noteOutcomes, noteSightings, readLastSeen } from './sightings.ts';
import { promoteSkewMs } from './skew.ts';

export interface RunOptions {
  /** Accept and move aside what stands at a live path and is not ours. */
  readonly adopt: boolean;
  /** Take promoted hosts back when the run fails. */
  readonly rollback: boolean;
  /** Tasks an interrupted run of the plan has done. */
  readonly done: ReadonlyMap<string, TaskResult>;
  /** Events from before the run, for its log. */
  readonly earlier: readonly ScapEvent[];
  /** When the command began, in milliseconds since 1970: its duration is the operator's wait. Default: now. */
  readonly startedAt?: number | undefined;
  /** Number the run above what any target has seen: this deploy host takes over. */
  readonly takeOver: boolean;
}

export interface RunResult {
  readonly n: number;
  readonly plan: Plan;
  readonly outcome: RunOutcome;
  readonly hosts: readonly HostOutcome[];
  readonly counts: HostCounts;
  readonly durationMs: number;
  /** Why the run failed, if it did. */
  readonly error: ErrorReport | undefined;
  /**
   * Time between the first and the last switch of a live path within one promote stage, that is one batch; of several stages the largest.
   * Measured by the targets' clocks, held within what the deploy host's own clock saw. `undefined` when no stage switched two hosts.
   */
  readonly skewMs: number | undefined;
}

/**
 * Executes `plan`. The caller holds the writer's lock.
 *
 * Throws what is wrong before anything was touched: `world_moved`, `plan_invalid`, `host_unknown`. Once tasks run, failures are in the result.
 */
export async function runPlan(
  host: DeployHost,
  repository: DeployRepository,
  fleet: Fleet,
  plan: Plan,
  options: RunOptions,
): Promise<RunResult> {
  const { bus, layout, operator } = host;
  refuseMovedWorld(plan, repository, options.done);
  await initializePlan(plan, host.commands, commandWorld(host, repository));

  const startedAt = options.startedAt ?? Date.now();
  const members = await fleet.survey();
  noteSightings(layout, members, plan.revision, new Set(host.inventory.hosts.map(({ name }) => name)));
  const served = new Map(
    members.flatMap(({ host: { name }, report }) =>
      report === undefined ? [] : [[name, report.live.kind === 'revision' ? report.live.sha : null] as const],
    ),
  );
  // A resumed run undoes all of its plan: back to what was served before the part that was done earlier.
  for (const [id, { data }] of options.done)
    if (isSha(data.previous) || data.previous === null)
      served.set(id.replace(/^promote@/, '') as HostName, data.previous);
  const n = Math.max(
    nextRunNumber(layout),
    options.takeOver ? 1 + Math.max(...members.map(({ report }) => report?.fence ?? 0)) : 0,
  );
  using _log = openRunLog(layout.runLog(n, plan.revision), bus, options.earlier);
  const { id, kind, revision, base, message } = plan;
  bus.emit('run.started', {
    n,
    plan: id,
    kind,
    revision,
    previous: base,
    hosts: planHosts(plan),
    user: operator.user,
    message,
  });

  using bundles = createBundleStore(repository, layout.work, bus);
  using distributor = createDistributor({
    fanout: host.config.fanout,
    timeoutMs: host.config.timeouts.fetchMs,
    bus,
    signal: host.signal,
  });
  const world = commandWorld(host, repository);
  const admission = {
    fence: n,
    run: `${plan.id}@${operator.host}`,
    reason: `${kind} by ${operator.user} on ${operator.host}`,
  };
  await using neighbours = createNeighbours({
    fleet,
    hosts: world.hosts.values(),
    readLastSeen: () => readLastSeen(layout),
    // What is found out about hosts of no concern to this run is of no concern to who reads about it.
    openFleet: (outsiders) => openFleet({ ...host, bus: createEventBus() }, outsiders),
    admission,
    listening: host.config.fanout,
    timeoutMs: host.config.timeouts.fetchMs,
    bus,
    signal: host.signal,
  });
  const run: RunContext = {
    ...world,
    plan,
    fence: n,
    id: admission.run,
    reason: admission.reason,
    adopt: options.adopt,
    fleet,
    bundles,
    distributor,
    neighbours,
    bus,
    signal: host.signal,
  };
  const execution = withDone(await executePlan(plan, host.commands, run, options.done), options.done);
  const rollback = await rollBackIfNeeded(run, {
    execution,
    served,
    commands: host.commands,
    wanted: options.rollback,
  });
  await confirmRest(run, execution, rollback);
  const facts = { plan, execution, served, rollback };
  const hosts = hostOutcomes(facts);
  const outcome = runOutcome(facts, hosts);
  const error = execution.failure && toErrorReport(execution.failure.error);
  const result: RunResult = {
    n,
    plan,
    outcome,
    hosts,
    counts: countStates(hosts),
    durationMs: Date.now() - startedAt,
    error,
    skewMs: promoteSkewMs(plan, execution.tasks),
  };
  for (const { host: name, state, live, error: why } of hosts) {
    bus.emit('host.finished', { host: name, state, live: live ?? null, known: live !== undefined, error: why ?? null });
  }
  recordRun(host, result, startedAt);
  noteServed(host, hosts);
  bus.emit('run.finished', {
    n,
    outcome,
    revision,
    counts: result.counts,
    durationMs: result.durationMs,
    error: error ?? null,
  });
  return result;
}

/** What was done before and not come to again, because the run ended earlier, is done all the same: it is reported, undone, or recorded. */
function withDone(execution: Execution, done: RunOptions['done']): Execution {
  const skipped = [...done].map(([id, result]) => [id, { status: 'skipped', result } as const] as const);
  return { ...execution, tasks: new Map([...skipped, ...execution.tasks]) };
}

/** Throws `world_moved` when something else went live since the plan was made. */
export function refuseMovedWorld(plan: Plan, repository: DeployRepository, done: RunOptions['done']): void {
  const live = repository.live() ?? null;
  if (plan.base === live) return;
  // The run that is resumed came as far as recording: it has moved the world itself.
  if (live === plan.revision && done.has('record')) return;
  throw new ScapError(
    'world_moved',
    `Refused to run the plan ${plan.id}: it was made when ${plan.base ?? 'nothing'} was live, now ${live ?? 'nothing'} is`,
    {
      hint: 'Make a new plan',
      data: { base: plan.base, live },
    },
  );
}

/** Hosts and refs are as they are by now: a record that cannot be written must not make the run look failed. */
function recordRun(host: DeployHost, result: RunResult, startedAt: number): void {
  try {
    appendDeployRecord(host.layout, toRecord(host, result, startedAt));
  } catch (error) {
    host.bus.emit('maintenance.failed', { error: toErrorReport(error) });
  }
}

/** A host that is away later is told by what it was left with. */
function noteServed({ layout, bus }: DeployHost, hosts: readonly HostOutcome[]): void {
  const settled = hosts.flatMap(({ host, state, live }) =>
    live !== undefined && (state === 'promoted' || state === 'rolled-back') ? [[host, live] as const] : [],
  );
  try {
    noteOutcomes(layout, new Map(settled));
  } catch (error) {
    bus.emit('maintenance.failed', { error: toErrorReport(error) });
  }
}

function toRecord(host: DeployHost, { n, plan, outcome, hosts, counts }: RunResult, startedAt: number): DeployRecord {
  return {
    n,
    plan: plan.id,
    kind: plan.kind,
    sha: plan.revision,
    previous: plan.base,
    user: host.operator.user,
    host: host.operator.host,
    message: plan.message,
    startedAt: new Date(startedAt).toISOString(),
    finishedAt: new Date().toISOString(),
    outcome,
    counts,
    hosts: Object.fromEntries(hosts.map(({ host: name, state }) => [name, state])),
  };
}
