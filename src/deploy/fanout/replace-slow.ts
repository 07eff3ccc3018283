/** Takes copies that are slower than they could be from their sources. Part of deciding one step. */
import { nearnessOf } from './nearness.ts';
import { expectedRate, heirOf, isSlow, judgedRate, whoStepsAside } from './slowness.ts';
import type { StepDraft } from './step-draft.ts';
import { isBelow, type TreeNode } from './tree.ts';

/**
 * Gives every target whose copy is slow another source, no farther than the one it had. When none has a free place, in a chain for
 * example, the slow target changes places with what comes after it, so that it holds nobody up.
 */
export function replaceSlowCopies(draft: StepDraft): void {
  const { fanout, pool, tree } = draft;
  const moved = new Set<string>(draft.assignments.map(({ to }) => to));
  let hasDropped = false;
  for (const target of tree.nodes) {
    const rate = moved.has(target.name) ? undefined : judgedRate(target, fanout.rules);
    const source = target.parent;
    if (rate === undefined || source === undefined) continue;
    const isBetter = (other: TreeNode) =>
      other !== source &&
      target.host?.tried.has(other.name) !== true &&
      isSlow(rate, expectedRate(other, target, other.children.size + 1, fanout), fanout.rules) &&
      draft.isOpen(other, target) &&
      !isBelow(other, target);
    const better = pool.find(target, isBetter, nearnessOf(source.place, target.place));
    const changed = better === undefined ? stepAside(draft, target, rate, moved) : move(draft, target, better);
    for (const { name } of changed) moved.add(name);
    hasDropped ||= better === undefined && changed.length > 0;
  }
  if (hasDropped) draft.assignWaiting();
}

function move(draft: StepDraft, target: TreeNode, source: TreeNode): readonly TreeNode[] {
  draft.drop(target, 'slow');
  draft.assign(target, source);
  return [target];
}

/** Returns whose copies were changed. */
function stepAside(draft: StepDraft, target: TreeNode, rate: number, moved: ReadonlySet<string>): readonly TreeNode[] {
  const { fanout, tree } = draft;
  const leaving = whoStepsAside(target);
  const { parent: source } = leaving;
  const heir = heirOf(leaving);
  if (source === undefined || heir === undefined) return [];
  const children = [...leaving.children];
  if ([leaving, ...children].some(({ name }) => moved.has(name))) return [];
  if (!isSlow(rate, expectedRate(source, heir, source.children.size, fanout), fanout.rules)) return [];
  if (heir.host?.wasCorrupt === true && !source.isWhole) return [];
  if (source === tree.root && !draft.mayReplace(leaving, heir)) return [];
  draft.drop(leaving, 'slow');
  for (const child of children) draft.drop(child, 'stepped-aside');
  draft.assign(heir, source);
  return [leaving, ...children];
}
