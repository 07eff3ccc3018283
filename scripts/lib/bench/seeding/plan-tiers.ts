/**
 * Who copies from whom when every source must have everything before it serves: whoever has it serves whoever still waits, the
 * least busy source first. Pure.
 */

/** The name of the machine that has everything from the start. Hosts of a fleet are called otherwise. */
export const deploySource = 'deploy-host';

export interface TierState {
  /** Who has everything, in the order they came to have it, with the number of copies that run from each. */
  readonly sources: ReadonlyMap<string, number>;
  /** Hosts without a copy, none of which runs to them either. */
  readonly waiting: readonly string[];
}

export interface TierCopy {
  readonly from: string;
  readonly to: string;
}

/** Nobody has been served yet. */
export function startTiers(hosts: readonly string[]): TierState {
  return { sources: new Map([[deploySource, 0]]), waiting: hosts };
}

/**
 * Plans the copies to begin now: hosts in order, each from the least busy source, at most `limit` at a time from each. No source
 * takes more than its share of those who wait, counting as sources whom copies run to: else the first of a tier to finish, by a
 * moment, would serve alone whom all of the tier could have served in a third of the time.
 */
export function planCopies({ sources, waiting }: TierState, limit: number): TierCopy[] {
  const running = [...sources.values()].reduce((sum, count) => sum + count, 0);
  const most = Math.min(limit, Math.ceil(waiting.length / (sources.size + running)));
  const loads = new Map(sources);
  const copies: TierCopy[] = [];
  for (const to of waiting) {
    const least = [...loads].reduce((best, entry) => (entry[1] < best[1] ? entry : best));
    if (least[1] >= most) break;
    loads.set(least[0], least[1] + 1);
    copies.push({ from: least[0], to });
  }
  return copies;
}

/** The state once these copies have begun. */
export function beginCopies({ sources, waiting }: TierState, copies: readonly TierCopy[]): TierState {
  const loads = new Map(sources);
  for (const { from } of copies) loads.set(from, (loads.get(from) ?? 0) + 1);
  const served = new Set(copies.map(({ to }) => to));
  return { sources: loads, waiting: waiting.filter((name) => !served.has(name)) };
}

/** The state once a copy has ended: who got it is a source from now on. */
export function endCopy({ sources, waiting }: TierState, { from, to }: TierCopy): TierState {
  return { sources: new Map([...sources, [from, (sources.get(from) ?? 1) - 1], [to, 0]]), waiting };
}

/**
 * How many times as long as one copy over one link this schedule takes when all links are alike and nothing else costs time. A
 * source that sends to several shares its link among them, so `limit` copies at once take `limit` times as long as one.
 */
export function idealTierCopies(hostCount: number, limit: number): number {
  let copies = 0;
  for (let holders = 1, left = hostCount; left > 0; ) {
    const each = Math.min(limit, Math.ceil(left / holders));
    const served = Math.min(left, holders * each);
    copies += each;
    holders += served;
    left -= served;
  }
  return copies;
}
