/**
 * Who is fed by whom, while one step is decided. The only thing in this folder that changes in place; it lives no longer than the step.
 * A node is *fed* when following its sources upwards ends at bytes that are all there: the deploy host or a whole target. Only fed nodes may
 * be copied from, and whoever waits is not fed, nor is anybody below it; so no host can come to feed an ancestor of itself.
 */
import type { HostName } from '../../core/host-name.ts';
import { deployHost, type Fanout, type FanoutHost, isTrusted, type Place, type Source } from './fanout.ts';

export interface TreeNode {
  readonly name: Source;
  readonly place: Place;
  /** `undefined` for the deploy host. */
  readonly host: FanoutHost | undefined;
  readonly offset: number;
  readonly isWhole: boolean;
  /** Its place in the inventory; the deploy host comes last, so that among equals a target is asked first. */
  readonly order: number;
  readonly children: Set<TreeNode>;
  parent: TreeNode | undefined;
  /** How many copies lie between it and bytes that are all there; `undefined` when it is not fed. */
  depth: number | undefined;
}

export interface FanoutTree {
  readonly root: TreeNode;
  /** Every target that has not failed, in the inventory's order. */
  readonly nodes: readonly TreeNode[];
  /** Copies that cannot go on. */
  readonly cut: readonly { readonly to: TreeNode; readonly from: Source }[];
}

/** Builds the tree of the copies that run and may go on. O(hosts). */
export function growTree(fanout: Fanout, givenUp: ReadonlySet<HostName>): FanoutTree {
  const { blob, hosts, deployHostPlace } = fanout;
  const root = createNode(deployHost, deployHostPlace, undefined, blob.sizeBytes, true, hosts.size);
  const living = [...hosts.values()].filter(({ name, status }) => status !== 'failed' && !givenUp.has(name));
  const nodes = living.map((host, order) =>
    createNode(host.name, host, host, host.offset, host.status === 'whole', order),
  );
  const byName = new Map<Source, TreeNode>([root, ...nodes].map((node) => [node.name, node]));
  const cut: { to: TreeNode; from: Source }[] = [];
  for (const node of nodes) {
    const from = node.host?.from;
    if (from === undefined) continue;
    const source = byName.get(from);
    if (source !== undefined && source !== node && mayGoOn(source, node, fanout)) link(node, source);
    else cut.push({ to: node, from });
  }
  for (const node of [root, ...nodes]) if (node.isWhole) feed(node, 0);
  return { root, nodes, cut };
}

/**
 * Whether a copy that runs may go on. Who of the two is ahead tells nothing, for what is known of both is of different moments; unless the source
 * had to throw its bytes away.
 */
function mayGoOn(source: TreeNode, target: TreeNode, { rules }: Fanout): boolean {
  if (source.isWhole) return true;
  const hasLost = source.host?.wasCorrupt === true && source.offset < target.offset;
  return rules.mode === 'pipelined' && !hasLost && target.host?.wasCorrupt !== true;
}

/** Whether a source has, or will have, the bytes that a target wants next. */
function canHold(source: TreeNode, { offset, host }: TreeNode, { rules }: Fanout): boolean {
  if (source.isWhole) return true;
  return rules.mode === 'pipelined' && source.offset >= offset && host?.wasCorrupt !== true;
}

/** Whether a new copy to `target` may start at this source, its free places left aside. */
export function canFeed(source: TreeNode, target: TreeNode, fanout: Fanout): boolean {
  if (source.depth === undefined || source === target) return false;
  if (source.host !== undefined && !isTrusted(source.host, fanout.rules)) return false;
  return canHold(source, target, fanout);
}

export function isBelow(node: TreeNode, ancestor: TreeNode): boolean {
  for (let at: TreeNode | undefined = node; at !== undefined; at = at.parent) if (at === ancestor) return true;
  return false;
}

export function link(child: TreeNode, parent: TreeNode): void {
  child.parent = parent;
  parent.children.add(child);
}

/** Takes a node from its source. It and all below it are no longer fed. */
export function unlink(child: TreeNode): void {
  child.parent?.children.delete(child);
  child.parent = undefined;
  walk(child, undefined);
}

/** Marks a node and all below it as fed; returns them. */
export function feed(node: TreeNode, depth: number): readonly TreeNode[] {
  return walk(node, depth);
}

/** Sets depths downwards from a node. Whole nodes below it are fed by themselves, whoever they came from: they have no source any more. */
function walk(node: TreeNode, depth: number | undefined): readonly TreeNode[] {
  node.depth = depth;
  const seen = [node];
  for (const at of seen) {
    for (const child of at.children) {
      child.depth = at.depth === undefined ? undefined : at.depth + 1;
      seen.push(child);
    }
  }
  return seen;
}

function createNode(
  name: Source,
  place: Place,
  host: FanoutHost | undefined,
  offset: number,
  isWhole: boolean,
  order: number,
): TreeNode {
  return { name, place, host, offset, isWhole, order, children: new Set(), parent: undefined, depth: undefined };
}
