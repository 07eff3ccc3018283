import { lstatSync } from 'node:fs';
import { type BytePath, fromText, isWithin, toDisplayPath, toFsPath } from '../core/byte-path.ts';
import { isSystemError, ScapError } from '../core/errors.ts';
import type { Manifest } from '../core/manifest.ts';
import { createIndexCursor, type IndexFile } from '../git/index-file.ts';

/** A path that neither staging nor the base has is a slip: taking nothing from nowhere must not pass for success. */
export function refuseUnknownPaths(
  staging: string,
  base: IndexFile,
  { emptyDirectories }: Manifest,
  scope: readonly BytePath[],
): void {
  const unknown = scope.filter(
    (path) =>
      !isStaged(staging, path) && !isKnown(base, path) && ![...emptyDirectories].some((at) => isWithin(at, path)),
  );
  if (unknown.length === 0) return;
  const named = unknown.map((path) => `"${toDisplayPath(path)}"`).join(', ');
  throw new ScapError('path_unknown', `Cannot synchronise ${named}: neither the staging tree nor what is live has it`, {
    hint: `Look for it in "${staging}"`,
  });
}

function isStaged(staging: string, path: BytePath): boolean {
  try {
    lstatSync(toFsPath(`${fromText(staging)}/${path}`));
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

function isKnown(base: IndexFile, path: BytePath): boolean {
  for (const cursor = createIndexCursor(base); !cursor.done; cursor.advance())
    if (isWithin(cursor.path, path)) return true;
  return false;
}
