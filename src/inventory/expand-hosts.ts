import { parseHostName } from '../core/host-name.ts';
import type { Host } from './host.ts';
import { type Expansion, expandRange } from './host-range.ts';
import type { InventoryProblem } from './inventory-problem.ts';

/** An entry of the configuration: settings for the host, or the hosts, that `pattern` stands for. */
export interface HostEntry {
  /** A name, possibly with ranges. */
  readonly pattern: string;
  /** Where it is written, for messages. */
  readonly where?: string | undefined;
  readonly transport: 'local';
  /** Absolute; `{name}` and `{n}` stand for the host's name and the number in it. */
  readonly cache: string;
  readonly live: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly keepRevisions: number;
  readonly graceTimeMs: number;
}

/** A host that has not been given to a group yet, and the entry it came from. */
export interface UngroupedHost {
  readonly host: Omit<Host, 'group'>;
  readonly entry: HostEntry;
}

export interface ExpandedHosts {
  readonly hosts: readonly UngroupedHost[];
  readonly problems: readonly InventoryProblem[];
}

/** Turns entries into hosts, in order. Names that are none, names used twice and placeholders without a number are problems. */
export function expandHosts(entries: readonly HostEntry[]): ExpandedHosts {
  const problems: InventoryProblem[] = [];
  const hosts = new Map<string, UngroupedHost>();
  for (const entry of entries) {
    const report = (message: string) => problems.push(entryProblem(entry, message));
    const expanded = expandRange(entry.pattern);
    if ('problem' in expanded) {
      report(expanded.problem);
      continue;
    }
    const misplaced = findMisplacedNumber(entry, expanded.expansions[0]?.numbers.length ?? 0);
    if (misplaced !== undefined) report(misplaced);
    for (const expansion of expanded.expansions) {
      const added = addHost(hosts, entry, expansion);
      if (added === undefined) continue;
      report(added);
      break;
    }
  }
  return { hosts: [...hosts.values()], problems };
}

export function entryProblem({ where, pattern }: HostEntry, message: string): InventoryProblem {
  const key = /^[\w-]+$/.test(pattern) ? `.${pattern}` : `[${JSON.stringify(pattern)}]`;
  return { where, path: `hosts${key}`, message };
}

/** Returns what is wrong, if anything. */
function addHost(
  hosts: Map<string, UngroupedHost>,
  entry: HostEntry,
  { text, numbers }: Expansion,
): string | undefined {
  const name = parseHostName(text);
  if (name === undefined) {
    return `${JSON.stringify(text)} cannot be a host's name: expected letters, digits, ".", "_" and "-"`;
  }
  const earlier = hosts.get(name);
  if (earlier !== undefined) return `${name} is already defined by ${JSON.stringify(earlier.entry.pattern)}`;
  const fill = (template: string) =>
    template.replace(/\{(name|n)\}/g, (_, key) => (key === 'name' ? name : (numbers[0] ?? '')));
  const labels = Object.fromEntries(Object.entries(entry.labels).map(([key, value]) => [key, fill(value)]));
  const { transport, keepRevisions, graceTimeMs } = entry;
  const host = {
    name,
    labels,
    transport,
    cache: fill(entry.cache),
    live: fill(entry.live),
    keepRevisions,
    graceTimeMs,
  };
  hosts.set(name, { host, entry });
  return undefined;
}

function findMisplacedNumber({ cache, live, labels }: HostEntry, rangeCount: number): string | undefined {
  if (rangeCount === 1) return undefined;
  const used = [cache, live, ...Object.values(labels)].find((template) => template.includes('{n}'));
  if (used === undefined) return undefined;
  const reason = rangeCount === 0 ? 'the name has no range' : `the name has ${rangeCount} ranges`;
  return `${JSON.stringify(used)} has no meaning: "{n}" is the number of a range and ${reason}; use "{name}"`;
}
