import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostName } from '../core/host-name.ts';
import { isSha, type Sha } from '../core/sha.ts';
import { writeFileAtomic } from '../system/atomic-file.ts';
import type { FleetMember } from './fleet.ts';
import type { StateLayout } from './state-layout.ts';

/** What each host was last seen to serve, and what a run meant it to serve since: the deploy host keeps what a host that is away may come back with. */
interface Sightings {
  readonly [host: string]: { readonly seenAt: string; readonly live: Sha | null; readonly meant: Sha };
}

function pathOf(layout: StateLayout): string {
  return join(layout.state, 'hosts.json');
}

/** Every revision some host was last seen to serve, or may serve by now. */
export function readSightings(layout: StateLayout): Sha[] {
  return Object.values(read(layout)).flatMap(({ live, meant }) => [live, meant].filter(isSha));
}

/** For how long a host that left the inventory is remembered: it may be back after a repair. */
const strangerMs = 30 * 24 * 60 * 60_000;

/**
 * Remembers what the hosts of a survey said. Hosts that are away keep what was known of them; those that are not in the inventory any more are
 * forgotten in time, and what they served with them.
 */
export function noteSightings(
  layout: StateLayout,
  members: readonly FleetMember[],
  meant: Sha,
  inventory: ReadonlySet<string>,
): void {
  const seen = members.flatMap(({ host, report }) => {
    if (report === undefined) return [];
    const live = report.live.kind === 'revision' ? report.live.sha : null;
    return [[host.name, { seenAt: new Date().toISOString(), live, meant }] as const];
  });
  const before = Object.entries(read(layout)).filter(
    ([host, { seenAt }]) => inventory.has(host) || Date.now() - Date.parse(seenAt) < strangerMs,
  );
  writeFileAtomic(pathOf(layout), `${JSON.stringify(Object.fromEntries([...before, ...seen]), null, 1)}\n`);
}

/** What a host was last seen to serve. */
export interface LastSeen {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** `null`: nothing of ours. */
  readonly live: Sha | null;
}

/** What each host was last seen to serve, by name; damaged entries are passed over. */
export function readLastSeen(layout: StateLayout): Map<string, LastSeen> {
  const seen = Object.entries(read(layout)).flatMap(([host, { seenAt, live }]) =>
    Number.isNaN(Date.parse(seenAt)) || !(live === null || isSha(live)) ? [] : [[host, { at: seenAt, live }] as const],
  );
  return new Map(seen);
}

/** Remembers what a run left hosts with; what they were meant to serve stays. */
export function noteOutcomes(layout: StateLayout, served: ReadonlyMap<HostName, Sha | null>): void {
  if (served.size === 0) return;
  const before = read(layout);
  const seenAt = new Date().toISOString();
  const seen = [...served].map(([host, live]) => [host, { ...before[host], seenAt, live }] as const);
  writeFileAtomic(pathOf(layout), `${JSON.stringify({ ...before, ...Object.fromEntries(seen) }, null, 1)}\n`);
}

/** Losing the file is harmless, and so is whatever else it may say: what is no object is passed over. */
function read(layout: StateLayout): Sightings {
  try {
    const value: unknown = JSON.parse(readFileSync(pathOf(layout), 'utf8'));
    return isObject(value)
      ? (Object.fromEntries(Object.entries(value).filter(([, seen]) => isObject(seen))) as Sightings)
      : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
