/** A step while it is being decided: the tree as it will be, the sources with free places, and what was decided so far. */
import type { HostName } from '../../core/host-name.ts';
import { maySend } from './egress.ts';
import { deployHost, type Fanout, type FanoutHost, type FanoutRules, isTrusted, type Source } from './fanout.ts';
import { elsewhere, nearnessOf, orderBySpread } from './nearness.ts';
import type { Assignment, Drop } from './schedule.ts';
import { createSourcePool, type SourcePool } from './source-pool.ts';
import { canFeed, type FanoutTree, feed, growTree, link, type TreeNode, unlink } from './tree.ts';

export class StepDraft {
  readonly drops: Drop[] = [];
  readonly assignments: Assignment[] = [];
  readonly pool: SourcePool;
  readonly tree: FanoutTree;
  readonly fanout: Fanout;
  /** How many good sources each site has or will have. */
  readonly #holders = new Map<string, number>();
  #promisedBytes: number;

  constructor(fanout: Fanout, givenUp: ReadonlySet<HostName>) {
    this.fanout = fanout;
    this.tree = growTree(fanout, givenUp);
    this.pool = createSourcePool(fanout);
    this.#promisedBytes = [...this.tree.root.children].reduce((sum, child) => sum + this.#remaining(child), 0);
    for (const { to, from } of this.tree.cut) this.drops.push({ to: nameOf(to), from, why: 'source-lost' });
    for (const node of [this.tree.root, ...this.tree.nodes]) if (node.depth !== undefined) this.#admit(node);
  }

  /** Finds a source for everybody who waits, those first who are farthest and can feed the others. Who finds none goes on waiting. */
  assignWaiting(): void {
    for (const target of this.#waiting()) {
      const source = this.#sourceFor(target);
      if (source !== undefined) this.assign(target, source);
    }
  }

  /** Whether nobody who waits can hope for anybody: nothing comes from the deploy host, and no target that may be asked is whole. */
  isStuck(): boolean {
    const { root, nodes } = this.tree;
    if (root.children.size > 0 || this.#waiting().length === 0) return false;
    return !nodes.some(({ isWhole, host }) => isWhole && host !== undefined && isTrusted(host, this.fanout.rules));
  }

  /** Sends the one that is farthest to the deploy host, beyond what that usually sends, and the others to it. */
  rescue(): void {
    const [target] = this.#waiting();
    if (target === undefined || !this.#rootMayServe(target, 'rescue')) return;
    this.assign(target, this.tree.root);
    this.assignWaiting();
  }

  assign(target: TreeNode, source: TreeNode): void {
    link(target, source);
    if (source === this.tree.root) this.#promisedBytes += this.#remaining(target);
    this.assignments.push({ to: nameOf(target), from: source.name, offset: target.offset });
    for (const node of feed(target, (source.depth ?? 0) + 1)) this.#admit(node);
    this.pool.offer(source);
  }

  drop(target: TreeNode, why: Drop['why']): void {
    const { parent } = target;
    if (parent === undefined) return;
    if (parent === this.tree.root) this.#promisedBytes -= this.#remaining(target);
    unlink(target);
    this.pool.offer(parent);
    this.drops.push({ to: nameOf(target), from: parent.name, why });
  }

  /** Whether the source can serve the target, and the deploy host may. */
  isOpen(source: TreeNode, target: TreeNode): boolean {
    if (source === this.tree.root && !this.#rootMayServe(target, 'usual')) return false;
    return canFeed(source, target, this.fanout) && this.#mayCross(source, target);
  }

  /** Whether the deploy host may go on with another target in place of one whose copy is slow. */
  mayReplace(slow: TreeNode, heir: TreeNode): boolean {
    const { fanout } = this;
    const promisedBytes = this.#promisedBytes - this.#remaining(slow);
    return maySend({ ...fanout, losses: fanout.losses + 1, promisedBytes }, this.#remaining(heir), 'rescue');
  }

  #waiting(): readonly TreeNode[] {
    const waiting = this.tree.nodes.filter(({ isWhole, parent }) => !isWhole && parent === undefined);
    return orderBySpread(waiting, ({ place }) => place).toSorted((a, b) => b.offset - a.offset);
  }

  #sourceFor(target: TreeNode): TreeNode | undefined {
    const { root } = this.tree;
    if (target.host !== undefined && isLastAttempt(target.host, this.fanout.rules)) {
      if (this.#rootMayServe(target, 'rescue'))
        return root.children.size < this.fanout.rules.rescueDegree ? root : undefined;
    }
    const isOpen = (source: TreeNode) => this.isOpen(source, target);
    const wasTried = (source: TreeNode) => target.host?.tried.has(source.name) === true;
    return this.pool.find(target, (source) => !wasTried(source) && isOpen(source)) ?? this.pool.find(target, isOpen);
  }

  #rootMayServe(target: TreeNode, need: 'usual' | 'rescue'): boolean {
    return maySend({ ...this.fanout, promisedBytes: this.#promisedBytes }, this.#remaining(target), need);
  }

  #mayCross(source: TreeNode, target: TreeNode): boolean {
    if (nearnessOf(source.place, target.place) !== elsewhere) return true;
    const { site } = target.place;
    const holders = site === undefined ? 0 : (this.#holders.get(site) ?? 0);
    return mayEnterSite(holders, target.host?.failures ?? 0, this.fanout.rules);
  }

  /** Takes in a node that has come to be fed. */
  #admit(node: TreeNode): void {
    this.pool.offer(node);
    const { site } = node.place;
    if (site === undefined || node.host === undefined || !isGood(node.host, this.fanout.rules)) return;
    this.#holders.set(site, (this.#holders.get(site) ?? 0) + 1);
  }

  #remaining({ offset }: TreeNode): number {
    return this.fanout.blob.sizeBytes - offset;
  }
}

/**
 * Whether a target may copy from another site: while its own has fewer good sources, whole or on their way, than one source may feed.
 * Later it waits for them. After a failure it takes whom it finds.
 */
export function mayEnterSite(holders: number, failures: number, { degree }: Pick<FanoutRules, 'degree'>): boolean {
  return holders < degree || failures > 0;
}

/** Whether one more failure ends it. That attempt is the deploy host's, which certainly has the bytes; the first never is. */
export function isLastAttempt({ failures }: Pick<FanoutHost, 'failures'>, { attempts }: FanoutRules): boolean {
  return failures > 0 && failures === attempts - 1;
}

function isGood(host: FanoutHost, rules: FanoutRules): boolean {
  return host.slowness === 0 && isTrusted(host, rules);
}

function nameOf({ name }: { readonly name: Source }): HostName {
  if (name === deployHost) throw new TypeError('The deploy host copies from nobody');
  return name;
}
