/**
 * The live path: what is served, and the one switch of it.
 */
import { lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isSystemError, ScapError } from '../core/errors.ts';
import { isSha, type Sha } from '../core/sha.ts';
import { flushDirectory, temporaryName, temporarySuffix } from '../system/atomic-file.ts';
import type { TargetLayout } from './layout.ts';
import { listNames } from './marker.ts';

/** What stands at the live path. */
export type LivePath =
  | { readonly kind: 'absent' }
  | { readonly kind: 'revision'; readonly sha: Sha }
  /** Somebody else's: a directory, a file, or a link that leads elsewhere. */
  | { readonly kind: 'directory' | 'file' | 'foreign-link'; readonly detail: string };

/** Looks at the live path without following it further than its own cache. */
export function readLivePath(layout: TargetLayout): LivePath {
  try {
    const target = readlinkSync(layout.live);
    const sha = basename(target);
    const ours = resolve(dirname(layout.live), target) === layout.revision(sha as Sha);
    return isSha(sha) && ours ? { kind: 'revision', sha } : { kind: 'foreign-link', detail: target };
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return { kind: 'absent' };
    if (!isSystemError(error, 'EINVAL')) throw error;
    return { kind: lstatSync(layout.live).isDirectory() ? 'directory' : 'file', detail: layout.live };
  }
}

/** The revision that is served, if it is one of ours. */
export function readLiveSha(layout: TargetLayout): Sha | undefined {
  const live = readLivePath(layout);
  return live.kind === 'revision' ? live.sha : undefined;
}

/**
 * Makes the live path lead to `sha`: a temporary link renamed over it, durably. A reader sees the old revision or the new one, a crash
 * leaves the old or the new one. The caller has made sure that the revision is complete and that the live path is ours or absent.
 *
 * Returns when readers began to see the new revision, in milliseconds since 1970 with fractions: the flush comes after that.
 */
export function switchLivePath(layout: TargetLayout, sha: Sha): number {
  const switchedAt = prepareSwitch(layout, sha).commit();
  flushLivePath(layout);
  return switchedAt;
}

/** A switch of which nothing is left to do but the rename. */
export interface PreparedSwitch {
  /** Switches; the caller then calls {@link flushLivePath}. Returns as {@link switchLivePath} does. */
  commit(): number;
}

/** Makes the link that will be the live path, beside it. */
export function prepareSwitch(layout: TargetLayout, sha: Sha): PreparedSwitch {
  const temporary = temporaryName(layout.live);
  const commit = () => {
    try {
      renameSync(temporary, layout.live);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    return performance.timeOrigin + performance.now();
  };
  symlinkSync(layout.revision(sha), temporary);
  return { commit };
}

/** Makes the switch survive a power cut. */
export function flushLivePath(layout: TargetLayout): void {
  flushDirectory(dirname(layout.live));
}

/**
 * Goes through the motions of a switch with a link of its own in `work/`. The first switch of a process takes several times as long as the next:
 * code is compiled and directories are read. Done ahead, hosts that are told at once switch at once. Never fails.
 */
export function rehearseSwitch(layout: TargetLayout, sha: Sha): void {
  const rehearsal = { ...layout, live: join(layout.work, 'rehearsal') };
  try {
    for (const _ of ['compile', 'warm']) {
      readLivePath(layout);
      prepareSwitch(rehearsal, sha).commit();
      readLiveSha(rehearsal);
    }
  } catch {
    // A full disk, say: the switch itself will tell.
  } finally {
    rmSync(rehearsal.live, { force: true });
  }
}

/**
 * Takes the live path away: a host that served nothing before goes back to serving nothing, one that served something of its own to that,
 * when `putBack` names where {@link moveAside} put it. Returns when, as {@link switchLivePath} does.
 */
export function removeLivePath(layout: TargetLayout, putBack?: string): number {
  if (readLivePath(layout).kind !== 'revision') return performance.timeOrigin + performance.now();
  // Only a name that we gave is taken back: this comes over the wire.
  const aside =
    putBack?.startsWith(asidePrefix(layout)) && !putBack.slice(asidePrefix(layout).length).includes('/')
      ? putBack
      : undefined;
  unlinkSync(layout.live);
  if (aside !== undefined) renameSync(aside, layout.live);
  const removedAt = performance.timeOrigin + performance.now();
  flushDirectory(dirname(layout.live));
  return removedAt;
}

function asidePrefix(layout: TargetLayout): string {
  return `${layout.live}.before-scap-`;
}

/** Moves what is not ours aside, once, so that it can be looked at or put back. Returns where it went. */
export function moveAside(layout: TargetLayout): string {
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const aside = `${asidePrefix(layout)}${stamp}`;
  renameSync(layout.live, aside);
  flushDirectory(dirname(layout.live));
  return aside;
}

/** Throws `live_foreign` when something that is not ours stands at the live path. */
export function refuseForeign(layout: TargetLayout, live: LivePath): void {
  if (live.kind === 'absent' || live.kind === 'revision') return;
  throw foreignLivePath(layout.live, live);
}

export function foreignLivePath(path: string, live: Extract<LivePath, { readonly detail: string }>): ScapError {
  const what = { directory: 'a real directory', file: 'a file', 'foreign-link': `a link to "${live.detail}"` }[
    live.kind
  ];
  return new ScapError(
    'live_foreign',
    `Cannot switch the live path "${path}": ${what} stands there, not a link of scap`,
    {
      hint: 'To move it aside once and take over, run the same command with --adopt',
      data: { path, kind: live.kind },
    },
  );
}

/** Creates the directory of the live path and removes temporary links that an interrupted switch left. */
export function prepareLiveDirectory(layout: TargetLayout): void {
  const directory = dirname(layout.live);
  mkdirSync(directory, { recursive: true });
  for (const name of listNames(directory)) {
    if (name.startsWith(`.${basename(layout.live)}.`) && name.endsWith(temporarySuffix))
      rmSync(join(directory, name), { force: true });
  }
}
