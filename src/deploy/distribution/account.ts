/** What a distribution came to, in bytes. Pure. */
import type { HostName } from '../../core/host-name.ts';
import type { EventData } from '../../events/event.ts';
import { deployHost } from '../fanout/fanout.ts';
import type { Member } from './member.ts';

export type Distributed = Pick<EventData['bundle.distributed'], 'hosts' | 'failed' | 'sentBytes' | 'tiers'>;

/** How many copies lie between the deploy host and the last bytes of a target, its own included. */
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
export function accountFor(ended: Iterable<Member>, members: ReadonlyMap<HostName, Member>): Distributed {
  const tiers: { hosts: number; bytes: number }[] = [];
  const total = { hosts: 0, failed: 0, sentBytes: 0 };
  for (const member of ended) {
    total.sentBytes += member.bytesFrom.get(deployHost) ?? 0;
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
  return { ...total, tiers };
}
