import { type BatchSize, resolveBatchSize } from './batch-size.ts';
import { expandHosts, type HostEntry, type UngroupedHost } from './expand-hosts.ts';
import { type FailureBudget, resolveFailureBudget } from './failure-budget.ts';
import type { Host } from './host.ts';
import { type DeployHostPaths, findPathProblems } from './host-paths.ts';
import { matchSelector } from './host-selector.ts';
import { foldNames, type InventoryProblem, invalidInventory } from './inventory-problem.ts';

/** The part of the configuration that describes the fleet; a `Config` is one. */
export interface InventoryInput extends DeployHostPaths {
  /** The file it was read from, for messages. */
  readonly source?: string | undefined;
  readonly hosts: readonly HostEntry[];
  readonly groups: readonly GroupEntry[];
}

export interface GroupEntry {
  readonly name: string;
  /** Where it is written, for messages. */
  readonly where?: string | undefined;
  /** Selectors, as {@link matchSelector} takes them. */
  readonly hosts: readonly string[];
  readonly failureBudget: FailureBudget;
  /** `undefined`: the whole group at once. */
  readonly batch: BatchSize | undefined;
  readonly soakMs: number;
  readonly concurrency: number | undefined;
}

export interface Group {
  readonly name: string;
  /** In the inventory's order; empty when earlier groups have taken every host it names. */
  readonly hosts: readonly Host[];
  /** How many of its hosts may fail; a whole number. */
  readonly failureBudget: number;
  /** How many of its hosts are promoted before the next ones are; at least 1. */
  readonly batchSize: number;
  /** How long to wait after each batch before what comes next, in milliseconds. */
  readonly soakMs: number;
  /** How many of its promotions run at once, at least 1; `undefined` sets no limit of its own. */
  readonly concurrency: number | undefined;
}

export interface Inventory {
  /** Every host once, in the order of the configuration. */
  readonly hosts: readonly Host[];
  /** In the order in which they are deployed to. */
  readonly groups: readonly Group[];
}

/**
 * Expands ranges, gives every host to the first group that names it and resolves failure budgets and batches against the
 * groups' sizes.
 *
 * Throws `config_invalid` with everything that is wrong: names and ranges, selectors that match nothing, hosts in no group,
 * paths that overlap.
 */
export function createInventory(input: InventoryInput): Inventory {
  const expanded = expandHosts(input.hosts);
  const grouped = groupHosts(expanded.hosts, input.groups);
  const problems = [
    ...expanded.problems,
    // Hosts that are missing because of their own problem would be missed here a second time.
    ...(expanded.problems.length === 0 ? grouped.problems : []),
    ...findPathProblems(expanded.hosts, input),
  ];
  if (problems.length > 0) throw invalidInventory(input.source, problems);
  const hosts = expanded.hosts.map(({ host }): Host => ({ ...host, group: grouped.groupOf.get(host.name) ?? '' }));
  const groups = input.groups.map(({ name, failureBudget, batch, soakMs, concurrency }): Group => {
    const members = hosts.filter(({ group }) => group === name);
    return {
      name,
      hosts: members,
      failureBudget: resolveFailureBudget(failureBudget, members.length),
      batchSize: resolveBatchSize(batch, members.length),
      soakMs,
      concurrency,
    };
  });
  return { hosts, groups };
}

interface GroupedHosts {
  /** Name of the host → name of its group. */
  readonly groupOf: ReadonlyMap<string, string>;
  readonly problems: readonly InventoryProblem[];
}

function groupHosts(ungrouped: readonly UngroupedHost[], groups: readonly GroupEntry[]): GroupedHosts {
  const hosts = ungrouped.map(({ host }) => host);
  const groupOf = new Map<string, string>();
  const problems: InventoryProblem[] = [];
  for (const [at, group] of groups.entries()) {
    const selection = matchSelector(hosts, group.hosts.join(','));
    for (const { message, suggestion } of selection.problems) {
      const advice = suggestion === undefined ? '' : `; did you mean "${suggestion}"?`;
      const path = `groups[${at}].hosts`;
      problems.push({ where: group.where, path, message: `${message}${advice}` });
    }
    for (const { name } of selection.hosts) {
      if (!groupOf.has(name)) groupOf.set(name, group.name);
    }
  }
  const alone = hosts.filter(({ name }) => !groupOf.has(name)).map(({ name }) => name);
  if (alone.length > 0 && problems.length === 0) {
    const message = `no group names ${foldNames(alone)}; add a last group with hosts: ["*"]`;
    problems.push({ where: groups.at(-1)?.where, path: 'groups', message });
  }
  return { groupOf, problems };
}
