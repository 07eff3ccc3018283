import { ScapError } from '../../../../src/core/errors.ts';
import type { Sha } from '../../../../src/core/sha.ts';
import type { TargetFacts } from '../../../../src/target/probe.ts';
import { planRetention, type RetentionRule } from '../../../../src/target/retention.ts';

/** A host has space for whatever is asked of it. */
const free = { freeBytes: 1e12, freeInodes: 1e9 };

/**
 * What a target remembers from one connection to the next, without a tree, a repository or a disk: its fence, what it serves, and which
 * revisions it has. Decides as a real target does (`src/target`); refusals have the same codes.
 */
export class SimulatedTarget {
  #fence = 0;
  #run: string | undefined;
  #live: Sha | undefined;
  #previous: Sha | undefined;
  #liveSince: number | undefined;
  /** The most recently completed first. */
  #complete: Sha[] = [];
  readonly #lastLiveAt = new Map<Sha, number>();

  get live(): Sha | undefined {
    return this.#live;
  }

  probe(): TargetFacts {
    return {
      live: this.#live === undefined ? { kind: 'absent' } : { kind: 'revision', sha: this.#live },
      previous: this.#previous ?? null,
      complete: this.#complete.map((sha) => ({ sha, verifiedAt: 0 })),
      held: this.#complete,
      fence: this.#fence,
      liveSince: this.#liveSince ?? null,
      unreverted: null,
      ...free,
    };
  }

  /** Throws `fence_stale` as `admitFence` does. */
  admit(fence: number, run?: string): void {
    const other = fence === this.#fence && run !== undefined && this.#run !== undefined && run !== this.#run;
    if (fence < this.#fence || other)
      throw new ScapError('fence_stale', `Cannot accept run ${fence}: this target has already seen run ${this.#fence}`);
    if (fence > this.#fence) this.#run = run;
    this.#fence = fence;
  }

  /** Throws `base_missing` when the revision is neither there nor in a bundle that was received. */
  fetch(sha: Sha, isReceived: boolean): 'present' | 'recycle' {
    if (this.#complete.includes(sha)) return 'present';
    if (!isReceived)
      throw new ScapError('base_missing', `Cannot make revision ${sha}: this target was not given its objects`);
    this.#complete = [sha, ...this.#complete];
    return 'recycle';
  }

  /** Throws `revision_incomplete`. */
  requireComplete(sha: Sha): void {
    if (!this.#complete.includes(sha))
      throw new ScapError('revision_incomplete', `Cannot promote "${sha}": it is not complete`);
  }

  /** Serves `sha`, or nothing; `at` is milliseconds since 1970. Returns what was served before. */
  promote(sha: Sha | null, at: number): { readonly previous: Sha | null; readonly changed: boolean } {
    const before = this.#live;
    const changed = (before ?? null) !== sha;
    if (changed) {
      if (before !== undefined) this.#lastLiveAt.set(before, at);
      this.#previous = before;
      this.#live = sha ?? undefined;
      this.#liveSince = at;
    }
    return { previous: before ?? null, changed };
  }

  prunable(rule: RetentionRule, now: number): Sha[] {
    const facts = {
      complete: this.#complete,
      live: this.#live,
      previous: this.#previous,
      pinned: new Set<Sha>(),
      lastLiveAt: this.#lastLiveAt,
      inUse: new Set<Sha>(),
      now,
    };
    return planRetention(facts, rule);
  }

  /** Forgets what the rule lets go. */
  prune(rule: RetentionRule, now: number): { readonly pruned: readonly Sha[]; readonly kept: number } {
    const pruned = this.prunable(rule, now);
    this.#complete = this.#complete.filter((sha) => !pruned.includes(sha));
    return { pruned, kept: this.#complete.length };
  }
}
