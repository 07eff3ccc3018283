/** The sources that have a free place, found near first. Part of deciding one step. */
import type { Fanout } from './fanout.ts';
import { createHeap, type Heap } from './heap.ts';
import { elsewhere, type Nearness, poolKeys } from './nearness.ts';
import type { TreeNode } from './tree.ts';

/**
 * How many sources of one pool are looked at for one target. More would make a step quadratic after a large loss; a target that finds none waits
 * for the next step, when more of them are ahead of it.
 */
const looks = 32;

/** As it was when it was put in; out of date when the node has changed since. */
interface Entry {
  readonly node: TreeNode;
  readonly depth: number;
  readonly children: number;
}

export interface SourcePool {
  /** Takes a source in, or notes that its place in the order has changed. Who is not fed or has no free place is not offered. */
  offer(node: TreeNode): void;
  /**
   * The best source that is accepted for the target, nearest first and no farther than `farthest`. In one distance: those that were never slow,
   * then those nearest to whole bytes, then those with the fewest copies, then in the inventory's order.
   */
  find(target: TreeNode, accept: (source: TreeNode) => boolean, farthest?: Nearness): TreeNode | undefined;
}

export function createSourcePool({ rules: { degree } }: Pick<Fanout, 'rules'>): SourcePool {
  const pools = new Map<string, Heap<Entry>>();
  const poolOf = (key: string) => {
    const pool = pools.get(key) ?? createHeap(isBefore);
    pools.set(key, pool);
    return pool;
  };
  const isCurrent = ({ node, depth, children }: Entry) => node.depth === depth && node.children.size === children;
  return {
    offer(node) {
      if (node.depth === undefined || node.children.size >= degree) return;
      const entry = { node, depth: node.depth, children: node.children.size };
      for (const key of poolKeys(node.place)) if (key !== undefined) poolOf(key).push(entry);
    },
    find(target, accept, farthest: Nearness = elsewhere) {
      for (const [nearness, key] of poolKeys(target.place).entries()) {
        if (key === undefined || nearness > farthest) continue;
        const pool = poolOf(key);
        const skipped: Entry[] = [];
        let found: Entry | undefined;
        while (found === undefined && skipped.length < looks) {
          const entry = pool.pop();
          if (entry === undefined) break;
          if (!isCurrent(entry)) continue;
          if (accept(entry.node)) found = entry;
          else skipped.push(entry);
        }
        for (const entry of skipped) pool.push(entry);
        if (found === undefined) continue;
        pool.push(found);
        return found.node;
      }
      return undefined;
    },
  };
}

function isBefore(a: Entry, b: Entry): boolean {
  const slowness = Number((a.node.host?.slowness ?? 0) > 0) - Number((b.node.host?.slowness ?? 0) > 0);
  return (slowness || a.depth - b.depth || a.children - b.children || a.node.order - b.node.order) < 0;
}
