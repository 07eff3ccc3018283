/**
 * The operations that run a plan and choose no new revision: a saved plan, repairing, cleaning.
 */
import { ScapError } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import type { Sha } from '../core/sha.ts';
import type { Host } from '../inventory/host.ts';
import type { Plan } from '../plan/plan.ts';
import { doneTasks, stillDone } from './aborted-runs.ts';
import type { TaskResult } from './commands/command.ts';
import { type DeployReport, maintain } from './deploy.ts';
import { asWriter, type DeployHost, hostConcurrency, openFleet } from './deploy-host.ts';
import { nextRunNumber } from './deploy-records.ts';
import { planCleaning } from './generators/cleaning.ts';
import { limitPlan } from './generators/limiting.ts';
import { planRepair } from './generators/repairing.ts';
import { refuseForeignHosts } from './preflight.ts';
import { refuseMovedWorld, runPlan } from './run-plan.ts';
import { selectTargets } from './selection.ts';

export interface CleanRequest {
  readonly keep: number | undefined;
  readonly graceMs: number | undefined;
  readonly waitMs: number;
  /** A selector of the hosts to prune on. Default: all. */
  readonly limit?: string | undefined;
}

/** Prunes on every selected host and on the deploy host. */
export function clean(host: DeployHost, { keep, graceMs, waitMs, limit }: CleanRequest): Promise<DeployReport> {
  const plan = (live: Sha, hosts: readonly Host[]) =>
    planCleaning({ live, hosts, keep, graceMs, concurrency: hostConcurrency });
  return runOnLive(host, { reason: 'clean', waitMs, limit, plan, forget: true });
}

export interface RepairRequest {
  /** Hosts to repair, with what each serves; `undefined` when that could not be told: then what should be live. */
  readonly drifted: ReadonlyMap<HostName, Sha | undefined>;
  readonly deep: boolean;
  readonly waitMs: number;
  /** The selector by which the drifted hosts were looked for: the others are reported as left out. */
  readonly limit?: string | undefined;
}

/** Makes what drifted hosts serve whole again, in place. */
export function repair(host: DeployHost, { drifted, deep, waitMs, limit }: RepairRequest): Promise<DeployReport> {
  const revisions = (live: Sha) => new Map([...drifted].map(([name, revision]) => [name, revision ?? live]));
  const plan = (live: Sha) => planRepair({ live, drifted: revisions(live), deep, concurrency: hostConcurrency });
  return runOnLive(host, { reason: 'repair', waitMs, limit, plan, forget: false });
}

interface RunOnLive {
  readonly reason: string;
  readonly waitMs: number;
  readonly limit: string | undefined;
  readonly plan: (live: Sha, hosts: readonly Host[]) => Plan;
  /** Forget old deploys at once instead of when there are many. */
  readonly forget: boolean;
}

/** Runs a plan that leaves what should be live as it is. */
async function runOnLive(host: DeployHost, request: RunOnLive): Promise<DeployReport> {
  const { reason, waitMs, limit, plan: makePlan, forget } = request;
  const { hosts, skipped } = selectTargets(host.inventory, [limit]);
  return asWriter(host, { reason, waitMs }, async (repository) => {
    const live = repository.live();
    if (live === undefined) {
      throw new ScapError('revision_unknown', `Cannot ${reason}: nothing was deployed yet`, {
        hint: 'Deploy with: scap push PATH',
      });
    }
    await using fleet = openFleet(host, hosts);
    const plan = limitPlan(makePlan(live, hosts), skipped);
    const done = new Map<string, TaskResult>();
    const result = await runPlan(host, repository, fleet, plan, {
      adopt: false,
      rollback: false,
      done,
      earlier: [],
      takeOver: false,
    });
    await maintain(host, repository, { full: forget });
    return { plan, prepared: undefined, result, dryRun: false, unreachable: [] };
  });
}

export interface SavedPlanRequest {
  readonly plan: Plan;
  /** Skip what an interrupted run of this plan has done. */
  readonly resume: boolean;
  readonly adopt: boolean;
  readonly force: boolean;
  readonly rollback: boolean;
  readonly waitMs: number;
}

/** Runs a plan exactly as it is, or refuses it when the world has moved since it was made. Hosts it leaves out are not connected to. */
export async function runSavedPlan(
  host: DeployHost,
  { plan, resume, adopt, force, rollback: undo, waitMs }: SavedPlanRequest,
): Promise<DeployReport> {
  return asWriter(host, { reason: `run of plan ${plan.id}`, waitMs }, async (repository) => {
    if (plan.stages.length === 0) {
      refuseMovedWorld(plan, repository, new Map());
      return { plan, prepared: undefined, result: undefined, dryRun: false, unreachable: [] };
    }
    const skipped = new Set(plan.skipped);
    await using fleet = openFleet(
      host,
      host.inventory.hosts.filter(({ name }) => !skipped.has(name)),
    );
    const members = await fleet.survey();
    const reports = new Map(
      members.flatMap(({ host: { name }, report }) => (report ? [[name as string, report] as const] : [])),
    );
    const world = { live: repository.live(), reports };
    const done = resume ? stillDone(doneTasks(host.layout, plan.id), plan, world) : new Map<string, TaskResult>();
    refuseForeignHosts(members, repository, { adopt, force, fence: nextRunNumber(host.layout) });
    const result = await runPlan(host, repository, fleet, plan, {
      adopt,
      rollback: undo,
      done,
      earlier: [],
      takeOver: force,
    });
    await maintain(host, repository);
    return { plan, prepared: undefined, result, dryRun: false, unreachable: [] };
  });
}
