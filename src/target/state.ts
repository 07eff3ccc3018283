import { readFileSync } from 'node:fs';
import { isSystemError, ScapError } from '../core/errors.ts';
import { isSha, type Sha } from '../core/sha.ts';
import { writeFileAtomic } from '../system/atomic-file.ts';
import type { TargetLayout } from './layout.ts';
import type { Unreverted } from './unconfirmed.ts';

/** One switch of the live path. */
export interface Swap {
  readonly from: Sha | null;
  readonly to: Sha | null;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly fence: number;
}

/** What a target remembers. What it serves is told by the live path alone, never by this. */
export interface TargetState {
  readonly version: 1;
  /** The highest fence seen; a run with a lower one is refused. */
  readonly fence: number;
  /** Which run of that number it was. */
  readonly run?: string | undefined;
  /** Newest last, at most {@link keptSwaps}. */
  readonly swaps: readonly Swap[];
  /** Revisions that are never pruned. */
  readonly pinned: readonly Sha[];
  /** The last attempt to go back after losing the deploy host, when it failed; gone with the next promotion. */
  readonly unreverted?: Unreverted | undefined;
}

export const keptSwaps = 50;

const freshState: TargetState = { version: 1, fence: 0, swaps: [], pinned: [] };

/** Reads the state; that of a new cache when there is none. Throws `io_failed` when it is damaged: the fence must not be forgotten. */
export function readState(layout: TargetLayout): TargetState {
  let text: string;
  try {
    text = readFileSync(layout.state, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return freshState;
    throw error;
  }
  const state = parseState(text);
  if (state !== undefined) return state;
  throw new ScapError('io_failed', `Cannot use "${layout.state}": it is no state of this version`, {
    hint: `When no other deploy host is in charge of this target, remove that file; what is served stays as it is`,
  });
}

export function writeState(layout: TargetLayout, state: TargetState): void {
  writeFileAtomic(layout.state, `${JSON.stringify({ ...state, swaps: state.swaps.slice(-keptSwaps) }, null, 1)}\n`);
}

/** What was served before what is served now, as far as is remembered. */
export function previousOf(state: TargetState, live: Sha | undefined): Sha | undefined {
  const last = state.swaps.findLast((swap) => swap.to !== swap.from);
  // A kill between the switch and its record: what the record calls live is then what was there before.
  const previous = last?.to === (live ?? null) ? last?.from : last?.to;
  return previous ?? undefined;
}

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null);
}

function parseState(text: string): TargetState | undefined {
  try {
    const state = JSON.parse(text) as TargetState;
    const sound = state.version === 1 && Number.isSafeInteger(state.fence) && isListOfObjects(state.swaps);
    return sound ? { ...state, pinned: (state.pinned ?? []).filter(isSha) } : undefined;
  } catch {
    return undefined;
  }
}
