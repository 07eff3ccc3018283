/**
 * Who copies what from whom next. Pure and deterministic: the same state of affairs gives the same step. O(n log n) for n targets.
 *
 * The rules, each a function below or a file beside this one:
 * - a blob below the threshold goes to everybody straight from the deploy host;
 * - nobody copies from who does not have, or will not have, the bytes, so loops are impossible (`tree.ts`);
 * - near first, whole or nearly so before others, and a site is entered by few (`source-pool.ts`, `mayEnterSite`);
 * - the deploy host sends little more than `egressBlobs` blobs, however many targets there are (`egress.ts`);
 * - a copy that is slower than could be is replaced (`slowness.ts`), one whose source is lost is taken up elsewhere, at the offset reached;
 * - a target whose copies keep failing gets its last attempt from the deploy host, and then it has failed.
 */
import type { HostName } from '../../core/host-name.ts';
import type { Fanout, FanoutHost, FanoutRules, Source } from './fanout.ts';
import { replaceSlowCopies } from './replace-slow.ts';
import { StepDraft } from './step-draft.ts';

export interface Assignment {
  readonly to: HostName;
  readonly from: Source;
  /** The first byte to be sent. */
  readonly offset: number;
}

export interface Drop {
  readonly to: HostName;
  readonly from: Source;
  /** `stepped-aside`: its source gives up its place in the tree and will not have the bytes in time. */
  readonly why: 'source-lost' | 'slow' | 'stepped-aside';
}

/** What to do now, in this order. A target that is dropped and not assigned waits for a later step. */
export interface FanoutStep {
  /** `star`: over the control connections. `fan-out`: from source to target. */
  readonly topology: 'star' | 'fan-out';
  readonly giveUp: readonly HostName[];
  readonly drop: readonly Drop[];
  readonly assign: readonly Assignment[];
}

/**
 * Decides the next step. To be asked when a target waits and anything has changed, and now and then for slow copies. As long as a target
 * waits, some copy runs or the step begins one.
 */
export function planStep(fanout: Fanout): FanoutStep {
  const giveUp = [...fanout.hosts.values()].filter((host) => isHopeless(host, fanout.rules)).map(({ name }) => name);
  if (isStar(fanout)) return planStar(fanout, new Set(giveUp));
  const draft = new StepDraft(fanout, new Set(giveUp));
  draft.assignWaiting();
  if (draft.isStuck()) draft.rescue();
  replaceSlowCopies(draft);
  return { topology: 'fan-out', giveUp, drop: draft.drops, assign: draft.assignments };
}

/** Whether the blob is so small that sources cost more than they save. */
export function isStar({ blob, rules }: Pick<Fanout, 'blob' | 'rules'>): boolean {
  return blob.sizeBytes < rules.thresholdBytes;
}

/** Whether a target is to be given up. */
export function isHopeless({ status, failures }: FanoutHost, { attempts }: FanoutRules): boolean {
  return (status === 'waiting' || status === 'receiving') && failures >= attempts;
}

function planStar({ hosts }: Fanout, givenUp: ReadonlySet<HostName>): FanoutStep {
  const waiting = [...hosts.values()].filter(({ name, status }) => status === 'waiting' && !givenUp.has(name));
  return {
    topology: 'star',
    giveUp: [...givenUp],
    drop: [],
    assign: waiting.map(({ name, offset }) => ({ to: name, from: 'deploy host', offset })),
  };
}
