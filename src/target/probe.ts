import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { ScapError } from '../core/errors.ts';
import type { Sha } from '../core/sha.ts';
import { createGit } from '../git/git-command.ts';
import { readRefs } from '../git/repository.ts';
import type { TargetLayout } from './layout.ts';
import { type LivePath, readLivePath } from './live-path.ts';
import { listComplete } from './marker.ts';
import { previousOf, readState } from './state.ts';
import type { Unreverted } from './unconfirmed.ts';

/** What a target says about itself; reading it changes nothing and needs no lock. */
export interface TargetFacts {
  readonly live: LivePath;
  readonly previous: Sha | null;
  /** Complete revisions, the most recently completed first. */
  readonly complete: readonly { readonly sha: Sha; readonly verifiedAt: number }[];
  /** Revisions whose objects the target has: what a bundle may build on. */
  readonly held: readonly Sha[];
  readonly fence: number;
  /** When the live revision was switched to; milliseconds since 1970. */
  readonly liveSince: number | null;
  /** A switch that should have been taken back when the deploy host vanished, and could not be. */
  readonly unreverted: Unreverted | null;
  readonly freeBytes: number;
  readonly freeInodes: number;
}

export async function probeTarget(layout: TargetLayout): Promise<TargetFacts> {
  const state = readState(layout);
  const live = readLivePath(layout);
  const liveSha = live.kind === 'revision' ? live.sha : undefined;
  const held = await readHeld(layout);
  const { bavail, bsize, ffree } = statfsSync(nearestExisting(layout.cache));
  return {
    live,
    previous: previousOf(state, liveSha) ?? null,
    complete: listComplete(layout).map(({ sha, verifiedAt }) => ({ sha, verifiedAt })),
    held: [...held.values()],
    fence: state.fence,
    liveSince: state.swaps.findLast(({ to }) => to === liveSha)?.at ?? null,
    unreverted: state.unreverted ?? null,
    freeBytes: bavail * bsize,
    freeInodes: ffree,
  };
}

/** A repository that git refuses has nothing to build upon: a fetch replaces it. */
async function readHeld({ repo }: TargetLayout): Promise<ReadonlyMap<string, Sha>> {
  if (!existsSync(repo)) return new Map();
  try {
    return await readRefs(createGit(repo), 'refs/scap/revisions/');
  } catch (error) {
    if (error instanceof ScapError && error.code === 'process_failed' && error.data.exitCode === 128) return new Map();
    throw error;
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path));
}
