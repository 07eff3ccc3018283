/** What a distribution came to, in bytes. Pure. */
import type { HostName } from '../../core/host-name.ts';
import type { EventData } from '../../events/event.ts';
import { deployHost, type Source } from '../fanout/fanout.ts';
import type { Member } from './member.ts';
import type { Arrival } from './receiver.ts';

export type Distributed = Pick<EventData['bundle.distributed'], 'origin' | 'hosts' | 'failed' | 'sentBytes' | 'tiers'>;

/** Who is meant by a source of the plan, where the deploy host stands for the origin; `null` is the deploy host itself. */
export function sourceName(from: Source, origin: HostName | undefined): HostName | null {
  return from === deployHost ? (origin ?? null) : from;
}

/** How the blob came to one target. */
export function arrivalOf(
  member: Member,
  members: ReadonlyMap<HostName, Member>,
  origin: HostName | undefined,
): Arrival {
  const bytesFrom = [...member.bytesFrom].flatMap(([from, bytes]) => {
    const name = sourceName(from, origin);
    return name === null ? [] : [[name, bytes] as const];
  });
  return {
    relayed: true,
    tier: tierOf(member, members),
    sentBytes: origin === undefined ? (member.bytesFrom.get(deployHost) ?? 0) : 0,
    resumedBytes: member.resumedBytes,
    bytesFrom: new Map(bytesFrom),
  };
}

/** How many copies lie between the origin and the last bytes of a target, its own included. */
export function tierOf(member: Member, members: ReadonlyMap<HostName, Member>): number {
  let tier = 1;
  const seen = new Set<Member>([member]);
  for (let at = member; at.lastFrom !== deployHost; tier++) {
    const source = members.get(at.lastFrom);
    if (source === undefined || seen.has(source)) break;
    seen.add(source);
    at = source;
  }
  return tier;
}

/** Sums up what came of `ended`. */
export function accountFor(
  ended: Iterable<Member>,
  members: ReadonlyMap<HostName, Member>,
  origin: HostName | undefined,
): Distributed {
  const tiers: { hosts: number; bytes: number }[] = [];
  const total = { hosts: 0, failed: 0, sentBytes: 0 };
  for (const member of ended) {
    if (origin === undefined) total.sentBytes += member.bytesFrom.get(deployHost) ?? 0;
    if (!member.isWhole) {
      total.failed += 1;
      continue;
    }
    total.hosts += 1;
    const at = tierOf(member, members) - 1;
    while (tiers.length <= at) tiers.push({ hosts: 0, bytes: 0 });
    const tier = tiers[at] as { hosts: number; bytes: number };
    tier.hosts += 1;
    for (const bytes of member.bytesFrom.values()) tier.bytes += bytes;
  }
  return { origin: origin ?? null, ...total, tiers };
}
