/**
 * The plan every deploy has, whatever its revision came from: fetch everywhere, configure, promote group by group and batch by batch, confirm
 * where hosts wait for it, record, prune.
 * Generators decide from facts that were gathered before; they do no I/O.
 */
import { randomBytes } from 'node:crypto';
import type { HostName } from '../../core/host-name.ts';
import type { Sha } from '../../core/sha.ts';
import type { Host } from '../../inventory/host.ts';
import type { Group, Inventory } from '../../inventory/inventory.ts';
import { type Plan, type PlanStage, planVersion, type Task } from '../../plan/plan.ts';

/** What is known of a host when the plan is made. */
export interface HostFacts {
  readonly host: Host;
  /** The revision it serves; `undefined` when it serves none of ours or could not be asked. */
  readonly live: Sha | undefined;
  readonly complete: ReadonlySet<Sha>;
}

export interface PromotionFacts {
  readonly kind: string;
  readonly revision: Sha;
  /** What should be live now. */
  readonly base: Sha | undefined;
  readonly message: string;
  readonly inventory: Pick<Inventory, 'groups'>;
  readonly hosts: readonly HostFacts[];
  /** How many hosts work at once, where no stage has reasons of its own. */
  readonly concurrency: number;
  readonly id?: string | undefined;
  readonly now?: Date | undefined;
}

/** The plan that makes `revision` live on every host that does not serve it yet. A plan without stages has nothing to do. */
export function planPromotion(facts: PromotionFacts): Plan {
  const { revision, base } = facts;
  const isBehind = ({ live, complete }: HostFacts) => live !== revision || !complete.has(revision);
  const behind = facts.hosts.filter(isBehind);
  const unchanged = facts.hosts.filter((host) => !isBehind(host)).map(({ host }) => host.name);
  const names = new Set(behind.map(({ host }) => host.name));
  const nothing = behind.length === 0 && base === revision;
  return {
    version: planVersion,
    id: facts.id ?? newPlanId(facts.kind),
    kind: facts.kind,
    revision,
    base: base ?? null,
    message: facts.message,
    createdAt: (facts.now ?? new Date()).toISOString(),
    stages: nothing
      ? []
      : planStages(
          facts,
          behind.map(({ host }) => host),
          names,
        ),
    unchanged,
  };
}

function planStages(
  { kind, revision, inventory, concurrency }: PromotionFacts,
  behind: readonly Host[],
  names: ReadonlySet<HostName>,
): PlanStage[] {
  const budget = inventory.groups.reduce((sum, group) => sum + group.failureBudget, 0);
  const stage = (name: string, failureBudget: number, tasks: readonly Task[]): PlanStage[] =>
    tasks.length === 0 ? [] : [{ name, concurrency, concurrencyPerHost: 1, failureBudget, tasks }];
  const perHost = (command: string, hosts: readonly Host[], args: (host: Host) => Record<string, unknown>): Task[] =>
    hosts.map((host) => ({ id: `${command}@${host.name}`, command, host: host.name, ...args(host) }));
  const promotions = inventory.groups.flatMap((group) => {
    const hosts = group.hosts.filter(({ name }) => names.has(name));
    const tasks = perHost('promote', hosts, (host) => ({
      revision,
      ...(reverts(host) && { onControllerLoss: 'revert' }),
    }));
    // Whoever goes back is in a hurry, and what was live before has shown its faults.
    const pace = kind === 'rollback' ? { ...group, soakMs: 0 } : group;
    return planBatches(pace, inventory.groups.length === 1 ? 'promote' : `promote:${group.name}`, tasks);
  });
  // After all promotions: a run that fails in a later group takes the earlier ones back, also when it dies over it.
  const confirmations = inventory.groups.flatMap((group) => {
    const hosts = group.hosts.filter((host) => names.has(host.name) && reverts(host));
    const name = inventory.groups.length === 1 ? 'confirm' : `confirm:${group.name}`;
    const tasks = perHost('confirm', hosts, () => ({ revision }));
    return stage(name, group.failureBudget, tasks).map((confirm) => ({ ...confirm, group: group.name }));
  });
  const fetch = stage(
    'fetch',
    budget,
    perHost('fetch', behind, () => ({ revision })),
  );
  return [
    // All at once: hosts that want the same bundle bring it to each other.
    ...fetch.map((each) => ({ ...each, concurrency: behind.length })),
    ...stage(
      'config',
      budget,
      perHost('config', behind, () => ({})),
    ),
    ...promotions,
    ...confirmations,
    ...stage('record', 0, [{ id: 'record', command: 'record', revision }]),
    ...stage(
      'finalize',
      budget,
      perHost('finalize', behind, (host) => ({ keep: host.keepRevisions, graceMs: host.graceTimeMs })),
    ),
  ];
}

/** A stage for each batch. The requests of a batch go out at once: what a switch costs is the target's, not the deploy host's. */
function planBatches(group: Group, name: string, tasks: readonly Task[]): PlanStage[] {
  const { batchSize, concurrency, failureBudget, soakMs } = group;
  const count = Math.ceil(tasks.length / batchSize);
  return Array.from({ length: count }, (_, at) => {
    const batch = tasks.slice(at * batchSize, (at + 1) * batchSize);
    return {
      name: count === 1 ? name : `${name} ${at + 1}/${count}`,
      concurrency: concurrency ?? batch.length,
      concurrencyPerHost: 1,
      failureBudget,
      group: group.name,
      ...(soakMs > 0 && { soakMs }),
      tasks: batch,
    };
  });
}

/** Whether a host goes back by itself when it loses the deploy host before its promotion is confirmed. */
function reverts({ onControllerLoss }: Host): boolean {
  return onControllerLoss === 'revert';
}

/** A name for a plan that tells its age and kind, unique enough to be looked up in logs. */
export function newPlanId(kind: string): string {
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  return `${kind}-${stamp}-${randomBytes(3).toString('hex')}`;
}
