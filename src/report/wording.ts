import { shortSha } from '../core/sha.ts';
import { type HostCounts, type HostState, hostStates } from '../events/event.ts';

/** Formats a number for people: `70,012`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** Names so many things: `1 host`, `37 hosts`. `noun` must take a plain "s". */
export function countOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Joins the first `limit` items; says how many there are more. `total` when `items` is already a sample. */
export function listSome(items: readonly string[], limit: number, total = items.length): string {
  const shown = items.slice(0, limit);
  const more = total - shown.length;
  return more > 0 ? `${shown.join(', ')}${shown.length > 0 ? ' and ' : ''}${formatCount(more)} more` : shown.join(', ');
}

/** Names a revision, or says that there is none. */
export function revisionName(revision: string | null): string {
  return revision === null ? 'nothing' : `revision ${shortSha(revision)}`;
}

export function stateName(state: HostState): string {
  return state.replace('-', ' ');
}

/** `2 promoted, 1 unchanged`; states that no host has are left out. */
export function formatHostCounts(counts: HostCounts): string {
  const present = hostStates.filter((state) => counts[state] > 0);
  return present.map((state) => `${formatCount(counts[state])} ${stateName(state)}`).join(', ');
}
