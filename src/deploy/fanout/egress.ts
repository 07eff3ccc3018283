/**
 * How much the deploy host sends of one blob: `egressBlobs` times its size in all, and nothing beyond that while nothing is lost. Every
 * loss (a copy that failed or was too slow, a target that went away) may cost it the size once more, and it spends that only on targets that
 * nobody else can serve. Pure.
 */
import type { Fanout } from './fanout.ts';

export type EgressFacts = Pick<Fanout, 'blob' | 'rules' | 'sentBytes' | 'losses'> & {
  /** What the copies that run from it have still to send. */
  readonly promisedBytes: number;
};

/** What the deploy host may have sent in the end, in bytes: the bound that tests hold it to. */
export function egressBound({ blob, rules, losses }: Pick<Fanout, 'blob' | 'rules' | 'losses'>): number {
  return (rules.egressBlobs + losses) * blob.sizeBytes;
}

/** Whether it may begin a copy of so many bytes. A copy that is begun may be finished, so what is promised counts as sent. */
export function maySend(facts: EgressFacts, bytes: number, need: 'usual' | 'rescue'): boolean {
  const { sentBytes, promisedBytes } = facts;
  const bound = egressBound(need === 'rescue' ? facts : { ...facts, losses: 0 });
  return sentBytes + promisedBytes + bytes <= bound;
}
