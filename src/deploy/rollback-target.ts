import type { Sha } from '../core/sha.ts';
import type { RunOutcome } from '../events/event.ts';

/** What of a deploy record matters here. */
export interface PastDeploy {
  readonly n: number;
  readonly kind: string;
  readonly sha: Sha;
  readonly outcome: RunOutcome;
}

/** What was recorded as live by which run; it outlasts a run that was killed before it could write its record. */
export type RecordedDeploys = ReadonlyMap<number, Sha>;

/** Kinds of run that leave what should be live as it is. */
const keepsLive: ReadonlySet<string> = new Set(['clean', 'repair', 'seed']);

/** Tells whether a run made its revision what should be live. */
export function madeLive({ n, kind, sha, outcome }: PastDeploy, deploys: RecordedDeploys): boolean {
  if (deploys.get(n) === sha) return true;
  return (outcome === 'ok' || outcome === 'partial') && !keepsLive.has(kind);
}

export interface LiveHistory {
  /** Revisions that were live one after the other, as an operator would undo them: the last is live now, a rollback leads to the one before. */
  readonly stack: readonly Sha[];
  /** Revisions that were rolled back from and not deployed again since, with the number of the run that went back. */
  readonly rolledBack: ReadonlyMap<Sha, number>;
}

/**
 * Reads the records, oldest first, as a stack. A rollback takes back what came after the revision it led to; so rolling back twice goes two
 * steps back, not forth again. `live` is on top whatever the records say.
 */
export function readLiveHistory(
  records: readonly PastDeploy[],
  deploys: RecordedDeploys,
  live: Sha | undefined,
): LiveHistory {
  const stack: Sha[] = [];
  const rolledBack = new Map<Sha, number>();
  for (const record of records) {
    if (!madeLive(record, deploys)) continue;
    const { kind, n, sha } = record;
    const at = kind === 'rollback' ? stack.lastIndexOf(sha) : -1;
    if (at >= 0) for (const undone of stack.splice(at + 1)) rolledBack.set(undone, n);
    else if (stack.at(-1) !== sha) stack.push(sha);
    rolledBack.delete(sha);
  }
  if (live !== undefined && stack.at(-1) !== live) stack.push(live);
  return { stack, rolledBack };
}
