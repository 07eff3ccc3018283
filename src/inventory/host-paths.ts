/**
 * Which directories may lie inside which. A cache holds what scap deletes at will and a live path is replaced whole, so
 * neither may overlap another host's on the same machine, nor, on this one, the staging tree or the deploy host's own state.
 */
import { isWithin } from '../core/byte-path.ts';
import { reservedName } from '../core/manifest.ts';
import { entryProblem, type HostEntry, type UngroupedHost } from './expand-hosts.ts';
import { foldNames, type InventoryProblem } from './inventory-problem.ts';

export interface DeployHostPaths {
  /** Absolute. */
  readonly state: string;
  /** Absolute; `undefined` when only the command line will tell. */
  readonly staging?: string | undefined;
}

/** Where targets may live inside the deploy host's state. */
const targetsName = 'targets';

interface Claim {
  readonly path: string;
  readonly kind: 'cache' | 'live';
  readonly name: string;
  readonly entry: HostEntry;
}

/**
 * Returns every forbidden overlap of paths on one machine, one for each entry and kind however many hosts it concerns. Local hosts
 * are on this machine; ssh hosts of one address and port are on the same one.
 */
export function findPathProblems(hosts: readonly UngroupedHost[], paths: DeployHostPaths): InventoryProblem[] {
  const machines = groupBy(hosts, ({ host }) => machineOf(host));
  const found = [...machines].flatMap(([machine, members]) => {
    const claims = members.flatMap(({ host: { name, cache, live }, entry }): Claim[] => [
      { path: cache, kind: 'cache', name, entry },
      { path: live, kind: 'live', name, entry },
    ]);
    const overlaps = [...findSharedPaths(claims, machine), ...findNestedPaths(claims)];
    return machine === thisMachine ? [...overlaps, ...findDeployHostOverlaps(claims, paths)] : overlaps;
  });
  const told = new Set<string>();
  return found.flatMap(({ claim, rule, message }) => {
    const key = `${claim.entry.pattern}\0${rule}`;
    if (told.has(key)) return [];
    told.add(key);
    return [entryProblem(claim.entry, message)];
  });
}

interface Overlap {
  readonly claim: Claim;
  /** Overlaps of one entry by one rule are told once. */
  readonly rule: string;
  readonly message: string;
}

const thisMachine = 'this machine';

/** A port that is not configured is taken for the usual one. */
function machineOf({ transport, name, address = name, port = 22 }: UngroupedHost['host']): string {
  return transport === 'local' ? thisMachine : `${address} port ${port}`;
}

function findSharedPaths(claims: readonly Claim[], machine: string): Overlap[] {
  return [...byPath(claims)].flatMap(([path, [claim, ...others]]): Overlap[] => {
    const other = others[0];
    if (claim === undefined || other === undefined) return [];
    if (others.every(({ name }) => name === claim.name)) {
      return [{ claim, rule: 'same', message: `cache and live are the same path "${path}"` }];
    }
    const names = [...new Set([claim, ...others].map(({ name }) => name))];
    const kinds = [...new Set([claim, ...others].map(({ kind }) => kind))].join(' and ');
    const where = machine === thisMachine ? '' : ` at ${machine}`;
    const message = `${kinds} "${path}"${where} is shared by ${foldNames(names)}; put "{name}" into the path`;
    return [{ claim, rule: `shared ${kinds}`, message }];
  });
}

function findNestedPaths(claims: readonly Claim[]): Overlap[] {
  const owners = byPath(claims);
  return claims.flatMap((claim) =>
    pathsAbove(claim.path).flatMap((above): Overlap[] => {
      const outer = owners.get(above)?.[0];
      if (outer === undefined) return [];
      const whose = outer.name === claim.name ? '' : ` of ${outer.name}`;
      const message = `${claim.kind} "${claim.path}" lies inside ${outer.kind} "${above}"${whose}`;
      return [{ claim, rule: `${claim.kind} in ${outer.kind}`, message }];
    }),
  );
}

function findDeployHostOverlaps(claims: readonly Claim[], { state, staging }: DeployHostPaths): Overlap[] {
  const areas = [
    { what: 'state', directory: state, allowed: `${withoutRoot(state)}/${targetsName}` },
    ...(staging === undefined
      ? []
      : [{ what: 'staging', directory: staging, allowed: `${withoutRoot(staging)}/${reservedName}` }]),
  ];
  return claims.flatMap((claim) =>
    areas.flatMap(({ what, directory, allowed }): Overlap[] => {
      const { kind, path } = claim;
      const rule = `${kind} and ${what}`;
      if (path === directory) return [{ claim, rule, message: `${kind} is the same path as ${what}, "${path}"` }];
      if (isPathWithin(directory, path)) {
        return [{ claim, rule, message: `${what} "${directory}" lies inside ${kind} "${path}"` }];
      }
      if (!isPathWithin(path, directory) || isPathWithin(path, allowed)) return [];
      const advice = `choose a path outside of it, or below "${allowed}"`;
      return [{ claim, rule, message: `${kind} "${path}" lies inside ${what} "${directory}"; ${advice}` }];
    }),
  );
}

function byPath(claims: readonly Claim[]): Map<string, Claim[]> {
  return groupBy(claims, ({ path }) => path);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** The directories above an absolute path, innermost first, `/` last. */
function pathsAbove(path: string): string[] {
  if (path === '/') return [];
  const above = path.slice(0, path.lastIndexOf('/')) || '/';
  return [above, ...pathsAbove(above)];
}

function withoutRoot(path: string): string {
  return path === '/' ? '' : path;
}

/** For absolute paths; both lose their slash, so that `/` is the root of core's paths. */
function isPathWithin(path: string, directory: string): boolean {
  return isWithin(path.slice(1), directory.slice(1));
}
