import { type Dirent, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a git repository consists of. */
export interface RepositorySize {
  /** Of all its files. */
  readonly bytes: number;
  readonly packs: number;
  readonly looseObjects: number;
  readonly refs: number;
  /** Files that are neither of a pack nor an object nor a ref: configuration, lists, logs of refs, leftovers. */
  readonly otherFiles: number;
}

/** Looks at a repository that may change meanwhile: what vanishes is not counted. */
export function measureRepository(gitDir: string): RepositorySize {
  const files = [...listFiles(gitDir)];
  const matching = (pattern: RegExp) => files.filter(({ path }) => pattern.test(path)).length;
  const packs = matching(/^objects\/pack\/pack-[0-9a-f]+\.pack$/);
  const ofPacks = matching(/^objects\/pack\/pack-/);
  const looseObjects = matching(/^objects\/[0-9a-f]{2}\/[0-9a-f]{38}$/);
  const looseRefs = files.filter(({ path }) => path.startsWith('refs/')).map(({ path }) => path);
  return {
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    packs,
    looseObjects,
    refs: new Set([...looseRefs, ...readPackedRefs(gitDir)]).size,
    otherFiles: files.length - ofPacks - looseObjects - looseRefs.length,
  };
}

function readPackedRefs(gitDir: string): string[] {
  const lines = readText(join(gitDir, 'packed-refs')).split('\n');
  return lines.filter((line) => /^[0-9a-f]{40} /.test(line)).map((line) => line.slice(41));
}

/** Bytes of one file, or of all files below a directory; 0 when there is nothing. */
export function measureBytes(path: string): number {
  try {
    const stats = lstatSync(path);
    if (!stats.isDirectory()) return stats.size;
  } catch {
    return 0;
  }
  return [...listFiles(path)].reduce((sum, { bytes }) => sum + bytes, 0);
}

/** How many names a directory holds, those in `but` not counted; 0 when there is none. */
export function countNames(directory: string, but: readonly string[] = []): number {
  return list(directory).filter(({ name }) => !but.includes(name)).length;
}

function* listFiles(root: string, below = ''): Generator<{ readonly path: string; readonly bytes: number }> {
  for (const entry of list(join(root, below))) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* listFiles(root, path);
    else {
      const stats = lstatSync(join(root, path), { throwIfNoEntry: false });
      if (stats !== undefined) yield { path, bytes: stats.size };
    }
  }
}

function list(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
