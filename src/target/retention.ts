import type { Sha } from '../core/sha.ts';

export interface RetentionFacts {
  /** Complete revisions, the most recently completed first. */
  readonly complete: readonly Sha[];
  readonly live: Sha | undefined;
  readonly previous: Sha | undefined;
  readonly pinned: ReadonlySet<Sha>;
  /** When each revision was last live; milliseconds since 1970. */
  readonly lastLiveAt: ReadonlyMap<Sha, number>;
  /** Revisions a running process uses. */
  readonly inUse: ReadonlySet<Sha>;
  readonly now: number;
}

export interface RetentionRule {
  /** How many complete revisions to keep at least, the live one among them. */
  readonly keep: number;
  /** A revision that was live this recently is kept, in milliseconds. */
  readonly graceMs: number;
}

/** For work by hand on a host whose configuration is not at hand; what `scap.yaml` says when it says nothing. */
export const defaultRetention: RetentionRule = { keep: 5, graceMs: 10 * 60_000 };

/** Decides which complete revisions to prune, oldest first. Never the live one, the one before it, a pinned, recent or used one. */
export function planRetention(facts: RetentionFacts, { keep, graceMs }: RetentionRule): Sha[] {
  const isProtected = (sha: Sha) =>
    sha === facts.live ||
    sha === facts.previous ||
    facts.pinned.has(sha) ||
    facts.inUse.has(sha) ||
    facts.now - (facts.lastLiveAt.get(sha) ?? Number.NEGATIVE_INFINITY) < graceMs;
  const excess = Math.max(0, facts.complete.length - keep);
  return facts.complete
    .filter((sha) => !isProtected(sha))
    .reverse()
    .slice(0, excess);
}
