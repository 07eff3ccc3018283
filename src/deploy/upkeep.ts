/**
 * The operations that run a plan and choose no new revision: a saved plan, repairing, cleaning.
 */
import { ScapError } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import type { Sha } from '../core/sha.ts';
import type { Plan } from '../plan/plan.ts';
import { doneTasks, stillDone } from './aborted-runs.ts';
import type { TaskResult } from './commands/command.ts';
import { type DeployReport, maintain } from './deploy.ts';
import { asWriter, type DeployHost, hostConcurrency, openFleet } from './deploy-host.ts';
import { nextRunNumber } from './deploy-records.ts';
import { planCleaning } from './generators/cleaning.ts';
import { planRepair } from './generators/repairing.ts';
import { refuseForeignHosts } from './preflight.ts';
import { runPlan } from './run-plan.ts';

export interface CleanRequest {
  readonly keep: number | undefined;
  readonly graceMs: number | undefined;
  readonly waitMs: number;
}

/** Prunes on every host and on the deploy host. */
export async function clean(host: DeployHost, request: CleanRequest): Promise<DeployReport> {
  return asWriter(host, { reason: 'clean', waitMs: request.waitMs }, async (repository) => {
    const live = repository.live();
    if (live === undefined)
      throw new ScapError('revision_unknown', 'Cannot clean: nothing was deployed yet', {
        hint: 'Deploy with: scap push PATH',
      });
    await using fleet = openFleet(host);
    const plan = planCleaning({
      live,
      hosts: host.inventory.hosts,
      keep: request.keep,
      graceMs: request.graceMs,
      concurrency: hostConcurrency,
    });
    const options = {
      adopt: false,
      rollback: false,
      done: new Map<string, TaskResult>(),
      earlier: [],
      takeOver: false,
    };
    const result = await runPlan(host, repository, fleet, plan, options);
    await maintain(host, repository, { full: true });
    return { plan, prepared: undefined, result, dryRun: false, unreachable: [] };
  });
}

export interface RepairRequest {
  /** Hosts to repair, with what each serves; `undefined` when that could not be told: then what should be live. */
  readonly drifted: ReadonlyMap<HostName, Sha | undefined>;
  readonly deep: boolean;
  readonly waitMs: number;
}

/** Makes what drifted hosts serve whole again, in place. */
export async function repair(host: DeployHost, { drifted, deep, waitMs }: RepairRequest): Promise<DeployReport> {
  return asWriter(host, { reason: 'repair', waitMs }, async (repository) => {
    const live = repository.live();
    if (live === undefined) throw new ScapError('revision_unknown', 'Cannot repair: nothing was deployed yet');
    await using fleet = openFleet(host);
    const plan = planRepair({
      live,
      drifted: new Map([...drifted].map(([name, revision]) => [name, revision ?? live])),
      deep,
      concurrency: hostConcurrency,
    });
    const options = {
      adopt: false,
      rollback: false,
      done: new Map<string, TaskResult>(),
      earlier: [],
      takeOver: false,
    };
    const result = await runPlan(host, repository, fleet, plan, options);
    return { plan, prepared: undefined, result, dryRun: false, unreachable: [] };
  });
}

export interface SavedPlanRequest {
  readonly plan: Plan;
  /** Skip what an interrupted run of this plan has done. */
  readonly resume: boolean;
  readonly adopt: boolean;
  readonly rollback: boolean;
  readonly waitMs: number;
}

/** Runs a plan exactly as it is, or refuses it when the world has moved since it was made. */
export async function runSavedPlan(
  host: DeployHost,
  { plan, resume, adopt, rollback: undo, waitMs }: SavedPlanRequest,
): Promise<DeployReport> {
  return asWriter(host, { reason: `run of plan ${plan.id}`, waitMs }, async (repository) => {
    if (plan.stages.length === 0)
      return { plan, prepared: undefined, result: undefined, dryRun: false, unreachable: [] };
    await using fleet = openFleet(host);
    const members = await fleet.survey();
    const reports = new Map(
      members.flatMap(({ host: { name }, report }) => (report ? [[name as string, report] as const] : [])),
    );
    const done = resume ? stillDone(doneTasks(host.layout, plan.id), plan, reports) : new Map<string, TaskResult>();
    refuseForeignHosts(members, repository, { adopt, force: false, fence: nextRunNumber(host.layout) });
    const result = await runPlan(host, repository, fleet, plan, {
      adopt,
      rollback: undo,
      done,
      earlier: [],
      takeOver: false,
    });
    await maintain(host, repository);
    return { plan, prepared: undefined, result, dryRun: false, unreachable: [] };
  });
}
