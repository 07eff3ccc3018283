/** Rules between values. They look at the data as written, so that they speak up next to the problems of single values. */
import { isWithin } from '../core/byte-path.ts';
import { reservedName } from '../core/manifest.ts';
import type { KeyPath } from './config-problem.ts';
import { defaultState } from './config-schema.ts';
import { type PathBase, resolvePath } from './config-values.ts';

export interface RuleBreach {
  readonly path: KeyPath;
  readonly message: string;
}

/** Returns what the data breaks. Values of a wrong type are passed over: the schema has named them. */
export function findRuleBreaches(data: unknown, base: PathBase): RuleBreach[] {
  if (typeof data !== 'object' || data === null) return [];
  const { staging, state, groups, hosts, target } = data as Record<string, unknown>;
  return [
    ...findStateInStaging(toPath(state ?? defaultState, base), toPath(staging, base)),
    ...findRepeatedGroups(groups),
    ...findRelativeRemotePaths(toSection(hosts), toSection(target)),
    ...findIdleSshKeys(toSection(hosts), toSection(target)),
  ];
}

function findStateInStaging(state: string | undefined, staging: string | undefined): RuleBreach[] {
  if (state === undefined || staging === undefined) return [];
  const reserved = `${staging === '/' ? '' : staging}/${reservedName}`;
  if (!isPathWithin(state, staging) || isPathWithin(state, reserved)) return [];
  return [
    {
      path: ['state'],
      message: `lies inside staging "${staging}" and would be deployed; choose a directory outside of it, or "${reserved}"`,
    },
  ];
}

function findRepeatedGroups(groups: unknown): RuleBreach[] {
  if (!Array.isArray(groups)) return [];
  const names = groups.map((group: unknown) => (group as { name?: unknown } | null)?.name);
  return names.flatMap((name, at) => {
    const first = names.indexOf(name);
    if (typeof name !== 'string' || first === at) return [];
    return [{ path: ['groups', at, 'name'], message: `"${name}" is already the name of groups[${first}]` }];
  });
}

/** A path of a target that is reached by ssh means nothing on this machine: neither its directory nor its home may complete it. */
function findRelativeRemotePaths(hosts: Section, target: Section): RuleBreach[] {
  const breaches = new Map<unknown, RuleBreach>();
  for (const [name, entry] of Object.entries(hosts)) {
    const host = toSection(entry);
    if ((host.transport ?? target.transport) !== 'ssh') continue;
    for (const key of ['cache', 'live']) {
      const isOwn = host[key] !== undefined;
      const written = isOwn ? host[key] : target[key];
      if (typeof written !== 'string' || written === '' || written.startsWith('/')) continue;
      const path = isOwn ? ['hosts', name, key] : ['target', key];
      const message = `expected an absolute path ("/…"), as ${name} is reached by ssh and ${JSON.stringify(written)} would start on the deploy host`;
      const id = path.join('\0');
      if (!breaches.has(id)) breaches.set(id, { path, message });
    }
  }
  return [...breaches.values()];
}

/** Whoever writes them means ssh; a host that stays local by default would be deployed to on this machine. */
function findIdleSshKeys(hosts: Section, target: Section): RuleBreach[] {
  return Object.entries(hosts).flatMap(([name, entry]) => {
    const host = toSection(entry);
    if ((host.transport ?? target.transport ?? 'local') !== 'local') return [];
    return ['user', 'port']
      .filter((key) => host[key] !== undefined)
      .map((key) => ({ path: ['hosts', name, key], message: 'has no meaning for a local host; add "transport: ssh"' }));
  });
}

type Section = Readonly<Record<string, unknown>>;

function toSection(value: unknown): Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Section) : {};
}

function toPath(value: unknown, base: PathBase): string | undefined {
  return typeof value === 'string' ? resolvePath(value, base) : undefined;
}

/** For absolute paths; both lose their slash, so that `/` is the root of core's paths. */
function isPathWithin(path: string, directory: string): boolean {
  return isWithin(path.slice(1), directory.slice(1));
}
