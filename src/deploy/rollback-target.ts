import type { Sha } from '../core/sha.ts';
import type { RunOutcome } from '../events/event.ts';

/** What of a deploy record matters here. */
export interface PastDeploy {
  readonly kind: string;
  readonly sha: Sha;
  readonly outcome: RunOutcome;
}

/**
 * The revisions that were live one after the other, as an operator would undo them: the last is live now, the one before it is where a
 * rollback leads. A rollback takes back what came after the revision it led to; so rolling back twice goes two steps back, not forth again.
 */
export function liveHistory(records: readonly PastDeploy[]): Sha[] {
  const stack: Sha[] = [];
  for (const { kind, sha, outcome } of records) {
    if ((outcome !== 'ok' && outcome !== 'partial') || kind === 'clean') continue;
    const at = kind === 'rollback' ? stack.lastIndexOf(sha) : -1;
    if (at >= 0) stack.length = at + 1;
    else if (stack.at(-1) !== sha) stack.push(sha);
  }
  return stack;
}

/** Revisions that were rolled back from and not deployed again since: known to be bad. */
export function rolledBackRevisions(records: readonly PastDeploy[]): Set<Sha> {
  const bad = new Set<Sha>();
  let stack: Sha[] = [];
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as PastDeploy;
    const after = liveHistory(records.slice(0, i + 1));
    if (record.kind === 'rollback') for (const sha of stack.slice(after.length)) bad.add(sha);
    bad.delete(after.at(-1) as Sha);
    stack = after;
  }
  return bad;
}
