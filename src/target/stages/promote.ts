import { renameSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { toDisplayPath } from '../../core/byte-path.ts';
import { ScapError } from '../../core/errors.ts';
import { isSha, type Sha } from '../../core/sha.ts';
import { timeNow } from '../../transport/clock-relation.ts';
import type { TargetContext } from '../context.ts';
import type { TargetLayout } from '../layout.ts';
import {
  flushLivePath,
  moveAside,
  type PreparedSwitch,
  prepareSwitch,
  readLivePath,
  readLiveSha,
  refuseForeign,
  removeLivePath,
} from '../live-path.ts';
import { readMarker } from '../marker.ts';
import { verifyComplete } from '../materialise/complete-revision.ts';
import { readState, type Swap, writeState } from '../state.ts';
import { invalid, numberParam, Stage, type StageParams } from './stage.ts';

export interface PromoteParams extends StageParams {
  /** `null` takes the live path away: the host goes back to serving nothing. */
  readonly revision: Sha | null;
  /** Move something foreign at the live path aside. */
  readonly adopt: boolean;
  /** With `revision: null`: what {@link PromoteResult.movedAside} named returns to the live path. */
  readonly putBack: string | undefined;
  /** What happens to the switch when the deploy host vanishes before it has confirmed it. Default `keep`. */
  readonly onControllerLoss: 'keep' | 'revert';
  /** When to switch, by this machine's clock; milliseconds since 1970. Default, and when it is past or out of reason: at once. */
  readonly at: number;
  /** How long to keep quiet after the switch, for others on the machine to switch too; in milliseconds. */
  readonly quietMs: number;
}

export interface PromoteResult {
  /** What was served before. */
  readonly previous: Sha | null;
  readonly changed: boolean;
  /** When readers began to see it; milliseconds since 1970, with fractions. */
  readonly swappedAt: number;
  /** Where something foreign was moved to. */
  readonly movedAside?: string;
}

/** The deploy host tells a second ahead at most; whatever is more comes from a clock that was set. */
const longestWaitMs = 2000;
const longestQuietMs = 100;

/** Switches the live path to a complete and verified revision. */
export class PromoteStage extends Stage<PromoteParams, PromoteResult> {
  readonly name: string = 'promote';

  parse(params: Readonly<Record<string, unknown>>): PromoteParams {
    const { revision } = params;
    if (revision !== null && !isSha(revision)) throw invalid('revision', 'a revision or null', revision);
    const putBack = typeof params.putBack === 'string' ? params.putBack : undefined;
    const onControllerLoss = params.onControllerLoss === 'revert' ? 'revert' : 'keep';
    const at = typeof params.at === 'number' ? params.at : 0;
    const quietMs = typeof params.quietMs === 'number' ? Math.min(params.quietMs, longestQuietMs) : 0;
    const fence = numberParam(params, 'fence');
    return { fence, revision, adopt: params.adopt === true, putBack, onControllerLoss, at, quietMs };
  }

  override async before(context: TargetContext, { revision, adopt }: PromoteParams): Promise<void> {
    if (!adopt) refuseForeign(context.layout, readLivePath(context.layout));
    if (revision === null) return;
    if (context.verified.has(revision) && readMarker(context.layout, revision) !== undefined) return;
    const drift = await verifyComplete(context, revision);
    if (drift.length === 0) return;
    const shown = drift.slice(0, 5).map(({ path, kind }) => `${toDisplayPath(path)} (${kind})`);
    throw new ScapError(
      'revision_drifted',
      `Cannot promote revision ${revision}: it was changed on disk: ${shown.join(', ')}`,
      {
        hint: 'Repair it with: scap push, or: scap rollback',
        data: { drift: drift.length },
      },
    );
  }

  async run({ layout, aftermath }: TargetContext, params: PromoteParams): Promise<PromoteResult> {
    const { revision, fence, adopt, putBack, onControllerLoss, at, quietMs } = params;
    const live = readLivePath(layout);
    const previous = readLiveSha(layout) ?? null;
    const foreign = live.kind !== 'absent' && live.kind !== 'revision';
    const prepared = revision === null || previous === revision ? undefined : prepareSwitch(layout, revision);
    await waitUntil(at);
    const movedAside = adopt && foreign && revision !== null ? moveAside(layout) : undefined;
    const mayRevert = onControllerLoss === 'revert' && revision !== null;
    if (!mayRevert) aftermath.unconfirmed = undefined;
    if (previous === revision) {
      rememberSwap(layout, undefined);
      return { previous, changed: false, swappedAt: performance.timeOrigin + performance.now() };
    }
    // Before the switch: when only its record fails, there is something to take back all the same.
    if (mayRevert) {
      const { previous: origin, movedAside: aside } = aftermath.unconfirmed ?? { previous, movedAside };
      aftermath.unconfirmed = { revision, previous: origin, movedAside: aside, fence };
    }
    const swappedAt = prepared ? commitOrPutBack(layout, prepared, movedAside) : removeLivePath(layout, putBack);
    if (quietMs > 0) await sleep(quietMs);
    if (prepared) flushLivePath(layout);
    rememberSwap(layout, { from: previous, to: revision, at: Math.round(swappedAt), fence });
    return { previous, changed: true, swappedAt, ...(movedAside !== undefined && { movedAside }) };
  }
}

/** Waits for a moment told ahead; not when clocks would have it wait for long. No interrupt ends it: told to switch, a host switches. */
async function waitUntil(at: number): Promise<void> {
  const waitMs = at - timeNow();
  if (waitMs > 0 && waitMs <= longestWaitMs) await sleep(waitMs);
}

/** Whatever an earlier run left unsettled, this promotion has settled. */
function rememberSwap(layout: TargetLayout, swap: Swap | undefined): void {
  const { unreverted, ...state } = readState(layout);
  if (swap === undefined && unreverted === undefined) return;
  writeState(layout, { ...state, swaps: [...state.swaps, ...(swap === undefined ? [] : [swap])] });
}

/** When the switch fails, what was moved aside for it returns: the host must not be left serving nothing. */
function commitOrPutBack(layout: TargetLayout, prepared: PreparedSwitch, movedAside: string | undefined): number {
  try {
    return prepared.commit();
  } catch (error) {
    if (movedAside !== undefined) renameSync(movedAside, layout.live);
    throw error;
  }
}
