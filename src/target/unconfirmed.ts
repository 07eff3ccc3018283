/**
 * What becomes of a switch that nobody confirmed: the deploy host vanished between promoting and deciding that the run has succeeded. By
 * default a target keeps what it has; one that is told to `revert` goes back to what it served before.
 */
import { toErrorReport } from '../core/errors.ts';
import type { Sha } from '../core/sha.ts';
import type { TargetContext } from './context.ts';
import type { TargetLayout } from './layout.ts';
import { readLiveSha } from './live-path.ts';
import { readState, writeState } from './state.ts';

/** A switch that is taken back unless it is confirmed. */
export interface Unconfirmed {
  readonly revision: Sha;
  /** What was served before; `null` takes the live path away. */
  readonly previous: Sha | null;
  /** Where something foreign was moved to; it returns with `previous: null`. */
  readonly movedAside: string | undefined;
  readonly fence: number;
}

/** A switch that should have been taken back and could not be: the target serves `revision` still. */
export interface Unreverted {
  readonly revision: Sha;
  readonly previous: Sha | null;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly message: string;
}

/**
 * Goes back to what was served before a switch that nobody confirmed, by `promote`, which verifies it and records the swap. Never throws:
 * when it cannot be done the new revision stays, and the state says why; it says so from before the attempt, should that never end.
 */
export async function takeBack(
  { layout, aftermath }: Pick<TargetContext, 'layout' | 'aftermath'>,
  promote: (params: Readonly<Record<string, unknown>>) => Promise<unknown>,
): Promise<void> {
  const { unconfirmed } = aftermath;
  aftermath.unconfirmed = undefined;
  if (unconfirmed === undefined || readLiveSha(layout) !== unconfirmed.revision) return;
  const { previous, movedAside, fence } = unconfirmed;
  try {
    note(layout, unconfirmed, 'it did not come to an end');
    await promote({ revision: previous, fence, ...(movedAside !== undefined && { putBack: movedAside }) });
  } catch (error) {
    note(layout, unconfirmed, toErrorReport(error).message);
  }
}

function note(layout: TargetLayout, { revision, previous }: Unconfirmed, message: string): void {
  try {
    writeState(layout, { ...readState(layout), unreverted: { revision, previous, at: Date.now(), message } });
  } catch {
    // On a full disk going back may still work; keeping the new revision is what happens otherwise.
  }
}
