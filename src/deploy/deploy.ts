/**
 * The operations that change what is live: push (whole or partial) and rollback. Each makes a plan from facts and runs it; a dry run stops in
 * between.
 */
import type { BytePath } from '../core/byte-path.ts';
import { ScapError, toErrorReport } from '../core/errors.ts';
import { type Sha, shortSha } from '../core/sha.ts';
import type { ScapEvent } from '../events/event.ts';
import type { Plan } from '../plan/plan.ts';
import type { DeployRepository } from '../revision/deploy-repository.ts';
import type { TaskResult } from './commands/command.ts';
import { asWriter, commandWorld, type DeployHost, hostConcurrency, openFleet, openForReading } from './deploy-host.ts';
import { type DeployRecord, nextRunNumber, readDeployRecords } from './deploy-records.ts';
import { initializePlan } from './executor.ts';
import type { Fleet, FleetMember } from './fleet.ts';
import { limitPlan } from './generators/limiting.ts';
import { type PromotionFacts, planPromotion } from './generators/promotion.ts';
import { maintainDeployRepository } from './maintain.ts';
import { refuseForeignHosts } from './preflight.ts';
import { type PreparedRevision, prepareRevision } from './prepare-revision.ts';
import { readLiveHistory } from './rollback-target.ts';
import { type RunResult, runPlan } from './run-plan.ts';
import { selectTargets } from './selection.ts';

/** What the operator asked for, common to all that change something. */
export interface DeployRequest {
  readonly message: string;
  readonly adopt: boolean;
  readonly force: boolean;
  readonly rollback: boolean;
  /** Show what would happen; touch nothing. */
  readonly dryRun: boolean;
  /** Make the plan (and the revision) and stop there. */
  readonly planOnly: boolean;
  /** How long to wait for another run to end. */
  readonly waitMs: number;
  /** A selector: only these hosts are connected to and planned for. Default: all. */
  readonly limit?: string | undefined;
}

export interface PushRequest extends DeployRequest {
  readonly staging: string;
  /** Only these paths, relative to staging; then the kind is `sync-file`. */
  readonly scope?: readonly BytePath[] | undefined;
  readonly allowShrink: boolean;
}

/** What a deploy came to. `result` is missing when there was nothing to do, and in a dry run. */
export interface DeployReport {
  readonly plan: Plan;
  readonly prepared: PreparedRevision | undefined;
  readonly result: RunResult | undefined;
  readonly dryRun: boolean;
  /** Hosts that could not be asked, and why; only known when the plan was not run. */
  readonly unreachable: readonly FleetMember[];
}

/** Stands for the revision that a dry run does not make. */
export const unmadeRevision = '0'.repeat(40) as Sha;

/** Makes the staging tree (or `scope` of it, on top of what is live) a revision and makes that live. */
export async function push(host: DeployHost, request: PushRequest): Promise<DeployReport> {
  const kind = request.scope === undefined ? 'push' : 'sync-file';
  const want = async (repository: DeployRepository, fleet: Fleet) => {
    const prepared = await prepareRevision(
      { layout: host.layout, repository, bus: host.bus },
      {
        staging: request.staging,
        exclude: host.config.exclude,
        scope: request.scope,
        maxShrinkRatio: request.allowShrink ? undefined : host.config.maxShrinkRatio,
        kind,
        message: request.message,
        author: host.operator,
        dryRun: request.dryRun,
        signal: host.signal,
        onChange: () => request.dryRun || fleet.warm(host.config.timeouts.fetchMs),
      },
    );
    return { revision: prepared.sha ?? unmadeRevision, prepared };
  };
  return deploy(host, request, { kind, want });
}

export interface RollbackRequest extends DeployRequest {
  /** A revision, or how many steps to go back. */
  readonly to: { readonly revision: string } | { readonly steps: number };
}

/** Makes an older revision live. */
export async function rollback(host: DeployHost, request: RollbackRequest): Promise<DeployReport> {
  const want = async (repository: DeployRepository) => {
    const { to } = request;
    const revision = 'revision' in to ? repository.resolve(to.revision) : stepsBack(host, repository, to.steps);
    return { revision, prepared: undefined };
  };
  return deploy(host, request, { kind: 'rollback', want });
}

function stepsBack(host: DeployHost, repository: DeployRepository, steps: number): Sha {
  if (repository.live() === undefined)
    throw new ScapError('revision_unknown', 'Cannot roll back: nothing was deployed yet', {
      hint: 'Deploy with: scap push PATH',
    });
  const records = readDeployRecords(host.layout);
  const { stack } = readLiveHistory(records, repository.deploys(), repository.live());
  const history = stack.filter((sha) => repository.has(sha));
  refuseAfterHalfARun(records.at(-1), history);
  const revision = history.at(-1 - steps);
  if (revision !== undefined && steps < history.length) return revision;
  const older = Math.max(0, history.length - 1);
  throw new ScapError(
    'revision_unknown',
    `Cannot roll back ${steps} step${steps === 1 ? '' : 's'}: ${older === 1 ? '1 older revision was' : `${older} older revisions were`} live before and ${older === 1 ? 'is' : 'are'} still held`,
    {
      hint: 'Choose a revision from: scap history',
    },
  );
}

/** After a run that left its revision on some hosts, "back" may mean back from it or from what was live before: one too far, for everybody. */
function refuseAfterHalfARun(last: DeployRecord | undefined, history: readonly Sha[]): void {
  const [live, before] = [history.at(-1), history.at(-2)];
  if (last === undefined || live === undefined || last.sha === live) return;
  const isHalf = ['interrupted', 'aborted', 'failed', 'not-rolled-back'].includes(last.outcome);
  if (!isHalf || last.counts?.promoted === 0) return;
  const further = before === undefined ? '' : `; to the one before that: scap rollback ${shortSha(before)}`;
  throw new ScapError(
    'revision_ambiguous',
    `Cannot tell where to go back to: run ${last.n} ended half-way (${last.outcome})`,
    { hint: `To what was live before it: scap rollback ${shortSha(live)}${further}` },
  );
}

/** Deploying what was rolled back from is allowed, and seldom meant. */
function warnOfRolledBack(
  { bus, layout }: DeployHost,
  kind: string,
  revision: Sha,
  repository: DeployRepository,
): void {
  const { rolledBack } = readLiveHistory(readDeployRecords(layout), repository.deploys(), repository.live());
  const n = rolledBack.get(revision);
  if (n !== undefined && kind !== 'rollback' && revision !== repository.live())
    bus.emit('revision.suspected', { revision, n });
}

/** What should be live after a deploy. */
export interface Wanted {
  readonly revision: Sha;
  /** `undefined` when no revision was made for it. */
  readonly prepared: PreparedRevision | undefined;
}

/** What tells one kind of deploy from another. */
export interface DeployKind {
  readonly kind: string;
  /** Finds or makes the revision, while the hosts are being connected to. */
  readonly want: (repository: DeployRepository, fleet: Fleet) => Promise<Wanted>;
  /** A selector of the hosts it is for; `limit` narrows it further. Default: all. */
  readonly among?: string | undefined;
  /** Default: {@link planPromotion}. */
  readonly plan?: ((facts: PromotionFacts) => Plan) | undefined;
}

/** Finds the revision, surveys the hosts, refuses what is not ours, plans and runs. Hosts that are not selected are left as they are. */
export async function deploy(
  host: DeployHost,
  request: DeployRequest,
  { kind, want, among, plan: generate = planPromotion }: DeployKind,
): Promise<DeployReport> {
  const { hosts, skipped } = selectTargets(host.inventory, [among, request.limit]);
  const earlier: ScapEvent[] = [];
  const stop = host.bus.listen((event) => earlier.push(event));
  const perform = async (repository: DeployRepository) => {
    const startedAt = Date.now();
    await using fleet = openFleet(host, hosts);
    // Connecting and reading the staging tree have nothing to do with each other.
    fleet.survey().catch(() => {});
    const wanted = await want(repository, fleet);
    warnOfRolledBack(host, kind, wanted.revision, repository);
    const members = await fleet.survey();
    if (host.signal.aborted)
      throw new ScapError('interrupted', 'Stopped before anything was changed on any target, on request');
    refuseForeignHosts(members, repository, { ...request, fence: nextRunNumber(host.layout) });
    const facts = gatherFacts(host, request, kind, wanted, repository, members);
    const plan = limitPlan(generate(facts), skipped);
    const report = {
      plan,
      prepared: wanted.prepared,
      result: undefined,
      dryRun: request.dryRun,
      unreachable: members.filter(({ error }) => error),
    };
    if (request.dryRun) {
      if (wanted.revision !== unmadeRevision) await initializePlan(plan, host.commands, commandWorld(host, repository));
      return report;
    }
    if (plan.stages.length === 0 || request.planOnly) return report;
    stop();
    const options = {
      adopt: request.adopt,
      rollback: request.rollback,
      done: new Map<string, TaskResult>(),
      earlier,
      takeOver: request.force,
      startedAt,
    };
    const result = await runPlan(host, repository, fleet, plan, options);
    await maintain(host, repository);
    return { ...report, result };
  };
  try {
    if (request.dryRun) return await perform(await openForReading(host));
    return await asWriter(host, { reason: `${kind}: ${request.message}`, waitMs: request.waitMs }, perform);
  } finally {
    stop();
  }
}

function gatherFacts(
  host: DeployHost,
  request: DeployRequest,
  kind: string,
  wanted: Wanted,
  repository: DeployRepository,
  members: readonly FleetMember[],
): PromotionFacts {
  return {
    kind,
    revision: wanted.revision,
    base: repository.live(),
    message: request.message,
    inventory: host.inventory,
    hosts: members.map(({ host: member, report }) => ({
      host: member,
      live: report?.live.kind === 'revision' ? report.live.sha : undefined,
      complete: new Set(report?.complete ?? []),
    })),
    concurrency: hostConcurrency,
  };
}

/** Housekeeping never fails a deploy. */
export async function maintain(
  host: DeployHost,
  repository: DeployRepository,
  options: { readonly full?: boolean } = {},
): Promise<void> {
  try {
    await maintainDeployRepository(host, repository, options);
  } catch (error) {
    host.bus.emit('maintenance.failed', { error: toErrorReport(error) });
  }
}
