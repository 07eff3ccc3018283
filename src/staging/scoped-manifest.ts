/**
 * The manifest of a tree that is its base but for some paths taken from staging.
 *
 * The directories above those paths need care: one that is new gets the mode it has in staging, one that lost its last file stays as an empty
 * directory when staging has it, and one that got its first file is empty no more.
 */
import { type BytePath, isWithin, parentPath } from '../core/byte-path.ts';
import { graftManifest, type Manifest } from '../core/manifest.ts';
import { createIndexCursor, type IndexFile } from '../git/index-file.ts';

export interface ScopedManifestOptions {
  readonly base: Manifest;
  readonly staged: Manifest;
  readonly scope: readonly BytePath[];
  /** The files of the base, and those of the resulting tree. */
  readonly baseFiles: IndexFile;
  readonly files: IndexFile;
}

export function scopedManifest({ base, staged, scope, baseFiles, files }: ScopedManifestOptions): Manifest {
  const grafted = graftManifest(base, staged, scope);
  const above = [...new Set(scope.flatMap(ancestors))];
  const known = new Set([...holding(above, baseFiles), ...at(above, base.emptyDirectories)]);
  const filled = new Set([...holding(above, files), ...below(above, grafted.emptyDirectories)]);
  const emptied = above.filter((path) => !filled.has(path) && staged.emptyDirectories.has(path));

  const emptyDirectories = new Set([...grafted.emptyDirectories].filter((path) => !filled.has(path)).concat(emptied));
  const modes = new Map(grafted.modes);
  for (const path of above) {
    const exists = filled.has(path) || emptyDirectories.has(path);
    const bits = known.has(path) ? base.modes.get(path) : staged.modes.get(path);
    if (exists && bits !== undefined) modes.set(path, bits);
    else modes.delete(path);
  }
  return { emptyDirectories, modes };
}

/** The directories above a path, the root not among them. */
export function ancestors(path: BytePath): BytePath[] {
  const above: BytePath[] = [];
  for (let directory = parentPath(path); directory !== ''; directory = parentPath(directory)) above.push(directory);
  return above;
}

/** Those of `directories` that hold a file. */
function holding(directories: readonly BytePath[], files: IndexFile): BytePath[] {
  const cursor = createIndexCursor(files);
  return directories
    .map((path) => `${path}/`)
    .sort()
    .filter((prefix) => {
      cursor.seek(prefix);
      return !cursor.done && cursor.path.startsWith(prefix);
    })
    .map((prefix) => prefix.slice(0, -1));
}

/** Those of `directories` that are one of `paths` or hold one. */
function at(directories: readonly BytePath[], paths: ReadonlySet<BytePath>): BytePath[] {
  return directories.filter((directory) => [...paths].some((path) => isWithin(path, directory)));
}

/** Those of `directories` that hold one of `paths`. */
function below(directories: readonly BytePath[], paths: ReadonlySet<BytePath>): BytePath[] {
  return directories.filter((directory) => [...paths].some((path) => path !== directory && isWithin(path, directory)));
}
