/** Which copies are too slow, and what their targets could get elsewhere. Rules over one step's tree. */
import type { Fanout } from './fanout.ts';
import { nearnessOf } from './nearness.ts';
import type { TreeNode } from './tree.ts';

/** A relay that gets less than this many times what it gives is not what holds its copies back. */
const margin = 1.5;

/**
 * What a target could expect of a source that would then feed `children` targets, in bytes per second: its share of the best that was ever
 * measured over that distance, and no more than the source gets itself. `undefined` when nothing was measured.
 */
export function expectedRate(
  source: TreeNode,
  target: TreeNode,
  children: number,
  { bestRates }: Pick<Fanout, 'bestRates'>,
): number | undefined {
  const best = bestRates[nearnessOf(source.place, target.place)];
  if (best === undefined) return undefined;
  const share = best / Math.max(1, children);
  if (source.isWhole) return share;
  return source.host?.rate === undefined ? undefined : Math.min(share, source.host.rate);
}

/** Whether a rate is below the stated share of what could be had. */
export function isSlow(rate: number, expected: number | undefined, { slowFraction }: Fanout['rules']): boolean {
  return expected !== undefined && rate < slowFraction * expected;
}

/**
 * The rate of the copy that a target is receiving, if the copy is to be judged at all: it is measured, its source is not itself kept
 * waiting (then that copy is to blame), and the target was not found slow too often, when it is its own link that is slow.
 */
export function judgedRate({ host, parent, depth }: TreeNode, { attempts }: Fanout['rules']): number | undefined {
  if (host?.rate === undefined || parent === undefined || depth === undefined || host.slowness >= attempts) return;
  if (parent.isWhole) return host.rate;
  const intake = parent.host?.rate;
  return intake !== undefined && intake > margin * host.rate ? host.rate : undefined;
}

/**
 * Who gives up its place in the tree for a target that is slow and finds no free source: the target, whose first child then takes its
 * place; or its source, when that has been slow with others before.
 */
export function whoStepsAside(target: TreeNode): TreeNode {
  const { parent } = target;
  const isSuspect = parent?.host !== undefined && !parent.isWhole && parent.host.slowness > 1;
  return isSuspect ? parent : target;
}

/** The child that takes the place of its source: the one that is farthest. */
export function heirOf({ children }: TreeNode): TreeNode | undefined {
  return [...children].reduce<TreeNode | undefined>(
    (heir, child) =>
      heir === undefined || child.offset > heir.offset || (child.offset === heir.offset && child.order < heir.order)
        ? child
        : heir,
    undefined,
  );
}
