/** A plan for people: what `--dry-run` prints. */
import { formatDuration } from '../core/duration.ts';
import { shortSha } from '../core/sha.ts';
import { plannedSoakMs } from '../deploy/soak.ts';
import type { Plan, PlanStage, Task } from '../plan/plan.ts';
import { withoutHost } from './fold-repeats.ts';
import { formatHosts } from './host-list.ts';
import { toOneLine } from './plain-text.ts';
import { countOf } from './wording.ts';

export interface HostGroup {
  readonly name: string;
  readonly hosts: readonly string[];
}

/** Chains of a stage that differ only in their host. */
interface FoldedChain {
  readonly hosts: readonly string[];
  readonly text: string;
}

/**
 * Formats a plan: what will be live in place of what, then each stage with its hosts. Tasks that differ only in their host are one line.
 *
 * @param describeTask one line for a task, as its command describes it
 * @param groups the fleet's groups; those of the plan's hosts are listed
 */
export function formatPlanText(
  plan: Plan,
  describeTask: (task: Task) => string,
  groups: readonly HostGroup[] = [],
): string {
  const stages = plan.stages.filter(({ tasks }) => tasks.length > 0);
  return [
    ...headerLines(plan),
    ...groupLines(plan, groups),
    ...(stages.length === 0 ? ['Nothing to do'] : stages.flatMap((_stage, at) => stageLines(stages, at, describeTask))),
    ...(plan.unchanged.length > 0 ? [`unchanged: ${hostsText(plan.unchanged)}`] : []),
    ...(plan.skipped?.length ? [`left out: ${hostsText(plan.skipped)}`] : []),
  ].join('\n');
}

function headerLines({ id, kind, revision, base, message }: Plan): string[] {
  return [
    `Plan ${toOneLine(id)}: ${toOneLine(kind)}`,
    // A dry run may not have made the revision: git's null id stands for it.
    `  revision: ${/^0+$/.test(revision) ? '(new revision)' : shortSha(revision)}`,
    `  replaces: ${base === null ? 'nothing (first run)' : shortSha(base)}`,
    ...(message === '' ? [] : [`  message: "${toOneLine(message)}"`]),
  ];
}

function groupLines(plan: Plan, groups: readonly HostGroup[]): string[] {
  const touched = new Set<string>(plan.stages.flatMap(({ tasks }) => tasks.flat().flatMap(({ host }) => host ?? [])));
  const present = groups
    .map(({ name, hosts }) => ({ name, hosts: hosts.filter((host) => touched.has(host)) }))
    .filter(({ hosts }) => hosts.length > 0);
  return present.map(({ name, hosts }) => `  group ${toOneLine(name)}: ${hostsText(hosts)}`);
}

function stageLines(stages: readonly PlanStage[], at: number, describeTask: (task: Task) => string): string[] {
  const stage = stages[at] as PlanStage;
  const chains = stage.tasks.map((entry) => [entry].flat() as readonly Task[]);
  const folded = foldChains(chains, describeTask);
  const soakMs = plannedSoakMs(stages, at);
  const soak = soakMs > 0 ? `, then soak ${formatDuration(soakMs)}` : '';
  const budget = `(failure budget ${stage.failureBudget}${soak})`;
  const [only] = folded;
  if (folded.length === 1 && only !== undefined) {
    const where = only.hosts.length === 0 ? ' on the deploy host' : ` on ${hostsText(only.hosts)}`;
    return [`${stage.name}${where} ${budget}`, ...(only.text === stage.name ? [] : [`  ${only.text}`])];
  }
  const hosts = new Set(folded.flatMap((chain) => chain.hosts));
  return [
    `${stage.name}: ${countOf(chains.flat().length, 'task')} on ${countOf(hosts.size, 'host')} ${budget}`,
    ...folded.map((chain) => `  ${chain.hosts.length === 0 ? 'deploy host' : formatHosts(chain.hosts)}: ${chain.text}`),
  ];
}

/** Chains are alike when all but their ids and hosts is, and they are described alike. */
function foldChains(chains: readonly (readonly Task[])[], describeTask: (task: Task) => string): FoldedChain[] {
  const found = new Map<string, { hosts: string[]; text: string }>();
  for (const chain of chains) {
    const hosts = [...new Set(chain.flatMap(({ host }) => host ?? []))];
    const text = chain.map((task) => generalText(task, describeTask)).join(', then ');
    const key = JSON.stringify([hosts.length > 0, text, chain.map(({ id: _id, host: _host, ...rest }) => rest)]);
    const alike = found.get(key);
    if (alike === undefined) found.set(key, { hosts, text });
    else alike.hosts.push(...hosts);
  }
  return [...found.values()];
}

function generalText(task: Task, describeTask: (task: Task) => string): string {
  const text = toOneLine(describeTask(task));
  return task.host === undefined ? text : withoutHost(text, task.host);
}

function hostsText(hosts: readonly string[]): string {
  return `${countOf(hosts.length, 'host')}: ${formatHosts(hosts)}`;
}
