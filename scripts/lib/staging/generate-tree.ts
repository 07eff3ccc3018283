import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createRandom, drawBelow } from '../prng.ts';
import { createContentWriter } from './file-content.ts';
import { COMMON_MINIMUM, planCommon, planLinks } from './plan-common.ts';
import type { PlannedFile } from './plan-directory.ts';
import { planSizes } from './plan-sizes.ts';
import { planVersion } from './plan-version.ts';
import { toWikiversions } from './wikiversions.ts';

/** What tree to make. */
export interface TreeRequest {
  readonly fileCount: number;
  readonly totalBytes: number;
  readonly versionCount: number;
  readonly seed: string;
}

/** What was made; symbolic links and the output directory itself are not counted. */
export interface TreeSummary {
  readonly files: number;
  readonly bytes: number;
  readonly directories: number;
  readonly symlinks: number;
  readonly versions: readonly string[];
}

/** A file with the name of its content: equal keys mean equal bytes, except for the edit. */
interface KeyedFile extends PlannedFile {
  readonly key: string;
  readonly edit?: string | undefined;
}

/** Least number of files that a tree of so many versions can have. */
export function leastFileCount(versionCount: number): number {
  return 1 + COMMON_MINIMUM + 7 * versionCount;
}

/** Writes the tree below an existing empty directory; equal requests give equal bytes, names and modes. */
export function generateTree(directory: string, request: TreeRequest): TreeSummary {
  const versions = Array.from({ length: request.versionCount }, (_, i) => `php-1.43.0-wmf.${String(i + 1)}`);
  const newest = versions.at(-1) ?? '';
  const wikiversions = toWikiversions(versions, Math.min(900, Math.ceil(request.fileCount / 50)), request.seed);
  const files = planFiles(request, versions);
  const links = planLinks(newest);
  const taken = new Set(files.map((file) => file.path));
  const usableLinks = links.filter((link) => !taken.has(link.path));
  const paths = ['wikiversions.json', ...files.map((file) => file.path), ...usableLinks.map((link) => link.path)];
  const directories = makeDirectories(directory, paths);
  writeFileSync(join(directory, 'wikiversions.json'), wikiversions);
  for (const link of usableLinks) symlinkSync(link.target, join(directory, link.path));
  const bytes = wikiversions.length + writeFiles(directory, files, request);
  return { files: files.length + 1, bytes, directories, symlinks: usableLinks.length, versions };
}

function planFiles(request: TreeRequest, versions: readonly string[]): KeyedFile[] {
  const { fileCount, seed } = request;
  const spare = fileCount - 1 - 7 * versions.length;
  const commonCount = Math.min(spare, Math.max(COMMON_MINIMUM, Math.min(2500, Math.round(fileCount * 0.02))));
  const files: KeyedFile[] = planCommon(commonCount, seed).map((file) => ({ ...file, key: file.path }));
  const left = fileCount - 1 - commonCount;
  const template = planVersion(Math.ceil(left / versions.length), seed);
  versions.forEach((version, i) => {
    const count = Math.floor(left / versions.length) + (i < left % versions.length ? 1 : 0);
    for (const file of template.slice(0, count)) files.push(placeFile(file, version, seed));
  });
  return files;
}

/** Puts a template file into a version: 95 % as it is, 4 % with an edit, 1 % under a name only this version has. */
function placeFile(file: PlannedFile, version: string, seed: string): KeyedFile {
  const path = `${version}/${file.path}`;
  if (!file.path.includes('/')) return { ...file, path, key: file.path, edit: version };
  const fate = drawBelow(createRandom(seed, version, 'fate', file.path), 100);
  if (fate > 0) return { ...file, path, key: file.path, edit: fate <= 4 ? version : undefined };
  const dot = path.lastIndexOf('.');
  const renamed = `${path.slice(0, dot)}-${version.slice(version.lastIndexOf('.') + 1)}only${path.slice(dot)}`;
  return { ...file, path: renamed, key: renamed };
}

function makeDirectories(root: string, paths: readonly string[]): number {
  const directories = new Set<string>();
  for (const path of paths) {
    for (let parent = dirname(path); parent !== '.' && !directories.has(parent); parent = dirname(parent)) {
      directories.add(parent);
    }
  }
  for (const directory of [...directories].sort()) mkdirSync(join(root, directory), { mode: 0o755 });
  return directories.size;
}

function writeFiles(root: string, files: readonly KeyedFile[], request: TreeRequest): number {
  const sizes = planSizes(files, request.totalBytes, request.seed);
  const write = createContentWriter(request.seed);
  let bytes = 0;
  files.forEach((file, i) => {
    const content = write({ kind: file.kind, key: file.key, edit: file.edit, sizeBytes: sizes[i] ?? 0 });
    const path = join(root, file.path);
    writeFileSync(path, content, { flag: 'wx' });
    if (file.mode !== 0o644) chmodSync(path, file.mode);
    bytes += content.length;
  });
  return bytes;
}
