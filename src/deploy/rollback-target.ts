import type { Sha } from '../core/sha.ts';
import type { RunOutcome } from '../events/event.ts';

/** What of a deploy record matters here. */
export interface PastDeploy {
  readonly kind: string;
  readonly sha: Sha;
  readonly outcome: RunOutcome;
}

/** Tells whether a run made its revision what should be live. */
export function madeLive({ kind, outcome }: Pick<PastDeploy, 'kind' | 'outcome'>): boolean {
  return (outcome === 'ok' || outcome === 'partial') && kind !== 'clean' && kind !== 'repair';
}

/**
 * The revisions that were live one after the other, as an operator would undo them: the last is live now, the one before it is where a
 * rollback leads. A rollback takes back what came after the revision it led to; so rolling back twice goes two steps back, not forth again.
 */
export function liveHistory(records: readonly PastDeploy[]): Sha[] {
  const stack: Sha[] = [];
  for (const { kind, sha, outcome } of records) {
    if (!madeLive({ kind, outcome })) continue;
    const at = kind === 'rollback' ? stack.lastIndexOf(sha) : -1;
    if (at >= 0) stack.length = at + 1;
    else if (stack.at(-1) !== sha) stack.push(sha);
  }
  return stack;
}

/** Revisions that were rolled back from and not deployed again since, with the number of the run that went back. */
export function rolledBackRevisions(records: readonly (PastDeploy & { readonly n: number })[]): Map<Sha, number> {
  const bad = new Map<Sha, number>();
  let stack: Sha[] = [];
  for (const [i, record] of records.entries()) {
    const after = liveHistory(records.slice(0, i + 1));
    if (record.kind === 'rollback') for (const sha of stack.slice(after.length)) bad.set(sha, record.n);
    const live = after.at(-1);
    if (live !== undefined) bad.delete(live);
    stack = after;
  }
  return bad;
}
