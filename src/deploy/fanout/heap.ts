/** A binary heap: the smallest entry first, by a total order. `push` and `pop` are O(log n). */
export interface Heap<T> {
  push(entry: T): void;
  pop(): T | undefined;
}

export function createHeap<T>(isBefore: (a: T, b: T) => boolean): Heap<T> {
  const entries: T[] = [];
  return {
    push(entry) {
      let at = entries.length;
      while (at > 0) {
        const above = (at - 1) >> 1;
        const parent = entries[above] as T;
        if (!isBefore(entry, parent)) break;
        entries[at] = parent;
        at = above;
      }
      entries[at] = entry;
    },
    pop() {
      const [first] = entries;
      const last = entries.pop();
      if (last === undefined || entries.length === 0) return first;
      let at = 0;
      for (;;) {
        let next = 2 * at + 1;
        if (next >= entries.length) break;
        if (next + 1 < entries.length && isBefore(entries[next + 1] as T, entries[next] as T)) next += 1;
        if (!isBefore(entries[next] as T, last)) break;
        entries[at] = entries[next] as T;
        at = next;
      }
      entries[at] = last;
      return first;
    },
  };
}
