import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { isSystemError } from '../core/errors.ts';
import { isSha, type Sha } from '../core/sha.ts';
import { flushDirectory, writeFileAtomic } from '../system/atomic-file.ts';
import type { TargetLayout } from './layout.ts';

/** How a revision was made on this target. */
export type Strategy = 'archive' | 'link' | 'recycle';

/** The completeness marker: its presence, with that of the directory, is what makes a revision exist. */
export interface Marker {
  readonly version: 1;
  readonly sha: Sha;
  readonly files: number;
  readonly bytes: number;
  readonly strategy: Strategy;
  /** Milliseconds since 1970. */
  readonly completedAt: number;
  /** When every file's content was last known to be right; milliseconds since 1970. */
  readonly verifiedAt: number;
}

/** Reads a marker; `undefined` when the revision is not complete. */
export function readMarker(layout: TargetLayout, sha: Sha): Marker | undefined {
  try {
    const marker = JSON.parse(readFileSync(layout.marker(sha), 'utf8')) as Marker | null;
    return marker?.version === 1 && marker.sha === sha && statSync(layout.revision(sha)).isDirectory()
      ? marker
      : undefined;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR') || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Declares a revision complete. Everything it consists of must be on disk and flushed. */
export function writeMarker(layout: TargetLayout, marker: Marker): void {
  writeFileAtomic(layout.marker(marker.sha), `${JSON.stringify(marker)}\n`);
}

/** Takes the declaration back, durably, before anything of the revision is touched. */
export function removeMarker(layout: TargetLayout, sha: Sha): void {
  rmSync(layout.marker(sha), { force: true });
  flushDirectory(layout.meta);
}

/** Every complete revision, the most recently completed first. */
export function listComplete(layout: TargetLayout): Marker[] {
  const shas = listNames(layout.meta)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .filter(isSha);
  const markers = shas.flatMap((sha) => readMarker(layout, sha) ?? []);
  return markers.sort((a, b) => b.completedAt - a.completedAt);
}

/** Names in a directory; none when it does not exist. */
export function listNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}
