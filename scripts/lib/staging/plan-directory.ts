import { drawBelow, pick, type Random } from '../prng.ts';
import type { ContentKind } from './text-pool.ts';
import { drawCamel, drawNameWord, languageCode } from './words.ts';

/** One file to write, without its size. */
export interface PlannedFile {
  /** Relative to the staging directory (or to one version directory), `/` between parts. */
  readonly path: string;
  readonly kind: ContentKind;
  /** Permission bits. */
  readonly mode: number;
  /** Shifts the size: 0 is typical, +1 is one standard deviation larger. */
  readonly sizeBias: number;
}

/** How a folder full of files and folders grows. */
export interface AreaShape {
  readonly root: string;
  readonly fileCount: number;
  readonly filesPerDirectory: number;
  readonly maxDepth: number;
  /** File name endings to draw from, without the dot; repeat one to make it frequent. */
  readonly endings: readonly string[];
}

const KINDS: Readonly<Record<string, ContentKind>> = {
  php: 'php',
  json: 'json',
  js: 'js',
  vue: 'js',
  css: 'css',
  less: 'css',
  md: 'text',
  txt: 'text',
  sh: 'text',
  png: 'binary',
};

/** Describes a file by its path: the ending decides what is inside and whether it is executable. */
export function planFile(path: string, options: { sizeBias?: number; mode?: number } = {}): PlannedFile {
  const ending = path.slice(path.lastIndexOf('.') + 1);
  const mode = options.mode ?? (ending === 'sh' ? 0o755 : 0o644);
  return { path, kind: KINDS[ending] ?? 'text', mode, sizeBias: options.sizeBias ?? 0 };
}

/** Plans exactly `fileCount` files in a tree of directories; no two names differ only in case. */
export function planArea(random: Random, shape: AreaShape): PlannedFile[] {
  const directories = planDirectories(random, shape);
  const taken = new Set(directories.map((directory) => directory.toLowerCase()));
  const files: PlannedFile[] = [];
  for (let i = 0; i < shape.fileCount; i++) {
    const directory = directories[i] ?? pick(random, directories);
    const ending = pick(random, shape.endings);
    files.push(planFile(claimName(taken, (suffix) => `${directory}/${drawStem(random, ending)}${suffix}.${ending}`)));
  }
  return files;
}

/** Plans one file per language: `<directory>/<code><ending>`. */
export function planLanguages(directory: string, fileCount: number, ending: string, sizeBias: number): PlannedFile[] {
  return Array.from({ length: fileCount }, (_, i) =>
    planFile(`${directory}/${languageCode(i)}${ending}`, { sizeBias }),
  );
}

/** Calls `make` until its path is new (in any case) and records it; the suffix is empty at first, then a number. */
export function claimName(taken: Set<string>, make: (suffix: string) => string): string {
  for (let attempt = 0; ; attempt++) {
    const path = make(attempt < 2 ? '' : String(attempt));
    const key = path.toLowerCase();
    if (taken.has(key)) continue;
    taken.add(key);
    return path;
  }
}

function planDirectories(random: Random, shape: AreaShape): string[] {
  const count = Math.max(1, Math.min(shape.fileCount, Math.round(shape.fileCount / shape.filesPerDirectory)));
  const directories = [shape.root];
  const depths = [0];
  const taken = new Set<string>();
  while (directories.length < count) {
    const parent = drawBelow(random, directories.length);
    const depth = depths[parent] ?? 0;
    if (depth >= shape.maxDepth) continue;
    const root = directories[parent] ?? shape.root;
    directories.push(claimName(taken, (suffix) => `${root}/${drawCamel(random, 1)}${suffix}`));
    depths.push(depth + 1);
  }
  return directories;
}

function drawStem(random: Random, ending: string): string {
  if (ending === 'php') return drawCamel(random, 2);
  const [first, second] = [drawNameWord(random), drawNameWord(random)];
  if (ending === 'sh') return first;
  return ending === 'js' || ending === 'vue' ? `mw.${first}.${second}` : `${first}-${second}`;
}
