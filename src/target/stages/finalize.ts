import { toErrorReport } from '../../core/errors.ts';
import type { Sha } from '../../core/sha.ts';
import type { TargetContext } from '../context.ts';
import { findRevisionsInUse } from '../in-use.ts';
import type { TargetLayout } from '../layout.ts';
import { readLiveSha } from '../live-path.ts';
import { listComplete } from '../marker.ts';
import { retire } from '../materialise/complete-revision.ts';
import { planRetention, type RetentionFacts, type RetentionRule } from '../retention.ts';
import { previousOf, readState } from '../state.ts';
import { numberParam, Stage, type StageParams } from './stage.ts';

export type FinalizeParams = StageParams & RetentionRule;

export interface FinalizeResult {
  readonly pruned: readonly Sha[];
  readonly kept: number;
}

/** Prunes revisions nobody needs. What is pruned is moved away at once and deleted when nobody waits. Pruning never fails a run. */
export class FinalizeStage extends Stage<FinalizeParams, FinalizeResult> {
  readonly name: string = 'finalize';

  parse(params: Readonly<Record<string, unknown>>): FinalizeParams {
    return { fence: numberParam(params, 'fence'), ...retentionRule(params) };
  }

  async run(context: TargetContext, { keep, graceMs }: FinalizeParams): Promise<FinalizeResult> {
    const facts = gatherRetentionFacts(context.layout);
    const pruned: Sha[] = [];
    try {
      for (const sha of planRetention(facts, { keep, graceMs })) {
        // The newest of them has the least to change to become the next revision; it comes last.
        if (context.aftermath.retired) context.trash.add(context.aftermath.retired.root);
        context.aftermath.retired = retire(context, sha);
        pruned.push(sha);
      }
    } catch (error) {
      context.notify({ kind: 'note', code: 'prune.failed', message: `Cannot prune: ${toErrorReport(error).message}` });
    }
    context.aftermath.finalized = true;
    return { pruned, kept: facts.complete.length - pruned.length };
  }
}

/** Parses the part of the parameters that says what to keep. */
export function retentionRule(params: Readonly<Record<string, unknown>>): RetentionRule {
  return { keep: numberParam(params, 'keep'), graceMs: numberParam(params, 'graceMs') };
}

/** What retention is decided from; changes nothing. */
export function gatherRetentionFacts(layout: TargetLayout): RetentionFacts {
  const state = readState(layout);
  const live = readLiveSha(layout);
  const now = Date.now();
  const lastLiveAt = new Map(state.swaps.flatMap(({ from, at }) => (from === null ? [] : [[from, at] as const])));
  return {
    complete: listComplete(layout).map(({ sha }) => sha),
    live,
    previous: previousOf(state, live),
    pinned: new Set(state.pinned),
    lastLiveAt,
    inUse: findRevisionsInUse(layout.revs),
    now,
  };
}
