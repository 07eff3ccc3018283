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
  const { staging, state, groups } = data as Record<string, unknown>;
  return [
    ...findStateInStaging(toPath(state ?? defaultState, base), toPath(staging, base)),
    ...findRepeatedGroups(groups),
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

function toPath(value: unknown, base: PathBase): string | undefined {
  return typeof value === 'string' ? resolvePath(value, base) : undefined;
}

/** For absolute paths; both lose their slash, so that `/` is the root of core's paths. */
function isPathWithin(path: string, directory: string): boolean {
  return isWithin(path.slice(1), directory.slice(1));
}
