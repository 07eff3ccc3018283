/** Who stands near whom. Pure. */
import type { Place } from './fanout.ts';

/** 0: same rack, 1: same site, 2: anything else. What is not labelled is near nothing. */
export type Nearness = 0 | 1 | 2;

export const sameRack = 0;
export const sameSite = 1;
export const elsewhere = 2;

export function nearnessOf(a: Place, b: Place): Nearness {
  if (a.site !== b.site) return elsewhere;
  if (a.rack !== undefined && a.rack === b.rack) return sameRack;
  return a.site === undefined ? elsewhere : sameSite;
}

/** The pool of each distance that a place belongs to, nearest first: the keys of its rack, of its site, and of everything. */
export function poolKeys({ site, rack }: Place): readonly (string | undefined)[] {
  const rackKey = rack === undefined ? undefined : JSON.stringify([site ?? null, rack]);
  return [rackKey, site === undefined ? undefined : JSON.stringify([site]), ''];
}

/**
 * Puts first one of every site, then one of every rack, then the others rack by rack in turn: who comes early becomes a source for its
 * neighbours. Keeps the order within a rack. O(n log n).
 */
export function orderBySpread<T>(items: readonly T[], placeOf: (item: T) => Place): readonly T[] {
  const sites = new Map<string | undefined, Map<string | undefined, { readonly rackAt: number; count: number }>>();
  const ranked = items.map((item, at) => {
    const place = placeOf(item);
    const racks = getOrAdd(sites, place.site, () => new Map());
    const rack = getOrAdd(racks, place.rack, () => ({ rackAt: racks.size, count: 0 }));
    return { item, inRack: rack.count++, rackAt: rack.rackAt, at };
  });
  ranked.sort((a, b) => a.inRack - b.inRack || a.rackAt - b.rackAt || a.at - b.at);
  return ranked.map(({ item }) => item);
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = create();
  map.set(key, value);
  return value;
}
