import { isIPv4, isIPv6 } from 'node:net';
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
  readonly transport: 'local' | 'ssh';
  /** As `cache`; `undefined` when the host is reached by its name. */
  readonly address: string | undefined;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** Absolute; `{name}` and `{n}` stand for the host's name and the number in it. */
  readonly cache: string;
  readonly live: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly keepRevisions: number;
  readonly graceTimeMs: number;
  readonly onControllerLoss: 'keep' | 'revert';
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

/**
 * Turns entries into hosts, in order. Names and addresses that are none, names used twice and
 * placeholders without a number are problems.
 */
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
    if (misplaced !== undefined) {
      report(misplaced);
      continue;
    }
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
  const address = entry.address === undefined ? undefined : fill(entry.address);
  const wrong = address === undefined ? undefined : findAddressProblem(address);
  if (wrong !== undefined) return wrong;
  const { transport, user, port, keepRevisions, graceTimeMs, onControllerLoss } = entry;
  const host = {
    name,
    labels,
    transport,
    address,
    user,
    port,
    cache: fill(entry.cache),
    live: fill(entry.live),
    keepRevisions,
    graceTimeMs,
    onControllerLoss,
  };
  hosts.set(name, { host, entry });
  return undefined;
}

/** What is neither a name nor, for its digits or colons, an address. */
function findAddressProblem(address: string): string | undefined {
  if (/^[\d.]+$/.test(address) && !isIPv4(address)) return `address "${address}" is no IPv4 address`;
  if (!address.includes(':') || isIPv6(address)) return undefined;
  return `address "${address}" is no IPv6 address; a port is written as "port"`;
}

function findMisplacedNumber({ address = '', cache, live, labels }: HostEntry, rangeCount: number): string | undefined {
  if (rangeCount === 1) return undefined;
  const used = [address, cache, live, ...Object.values(labels)].find((template) => template.includes('{n}'));
  if (used === undefined) return undefined;
  const reason = rangeCount === 0 ? 'the name has no range' : `the name has ${rangeCount} ranges`;
  return `${JSON.stringify(used)} has no meaning: "{n}" is the number of a range and ${reason}; use "{name}"`;
}
