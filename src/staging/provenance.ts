/**
 * Where the nested checkouts of a staging tree stand: commit, branch, remote, and whether they were edited.
 *
 * Asking git about hundreds of checkouts takes seconds, so answers are remembered: one stays good while the checkout's own git files are the
 * same and the capture found no change below it. Nothing here influences a revision's tree.
 */
import { lstatSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type BytePath, fromText, isWithin, toEncodedPath, toFsPath } from '../core/byte-path.ts';
import type { Checkout } from '../core/checkout.ts';
import { settleAll } from '../core/settle-all.ts';
import { describeCheckout } from './describe-checkout.ts';

/** Earlier answers by path, with what they depended on. Safe to lose. */
export type ProvenanceMemory = Readonly<Record<string, { readonly signature: string; readonly checkout: Checkout }>>;

export interface ProvenanceOptions {
  readonly root: string;
  /** Directories that hold a `.git`, as the walk found them. */
  readonly checkouts: readonly BytePath[];
  /** Paths the capture found changed. */
  readonly changed: readonly BytePath[];
  readonly memory: ProvenanceMemory;
  readonly signal?: AbortSignal | undefined;
}

/** How many checkouts git is asked about at once. */
const concurrency = 4;

/** Describes every checkout, sorted by path. A checkout git cannot read is described by its problem; that is no error. */
export async function readProvenance(
  options: ProvenanceOptions,
): Promise<{ checkouts: Checkout[]; memory: ProvenanceMemory }> {
  const paths = [...new Set(options.checkouts)].sort();
  const touched = touchedCheckouts(paths, options.changed);
  const settled = await settleAll(paths, { limit: concurrency, signal: options.signal }, async (path) => {
    const key = toEncodedPath(path);
    const signature = signatureOf(options.root, path);
    const known = options.memory[key];
    const fresh = known?.checkout !== undefined && known.signature === signature && !touched.has(path);
    const directory = join(options.root, Buffer.from(path, 'latin1').toString('utf8'));
    return { key, signature, checkout: fresh ? known.checkout : await describeCheckout(directory, key) };
  });
  const found = settled.flatMap((item) => (item.status === 'fulfilled' ? [item.value] : []));
  return {
    checkouts: found.map(({ checkout }) => checkout),
    memory: Object.fromEntries(found.map(({ key, signature, checkout }) => [key, { signature, checkout }])),
  };
}

function touchedCheckouts(paths: readonly BytePath[], changed: readonly BytePath[]): Set<BytePath> {
  if (changed.length > 4096) return new Set(paths);
  return new Set(paths.filter((path) => changed.some((file) => isWithin(file, path))));
}

/** Changes whenever the checkout's HEAD, index, history or configuration do. */
function signatureOf(root: string, path: BytePath): string {
  const checkout = Buffer.from(fromText(root) + (path && `/${path}`), 'latin1').toString('latin1');
  const gitDir = gitDirectoryOf(checkout);
  const files = ['HEAD', 'index', 'logs/HEAD', 'config', 'packed-refs'].map((name) => stampOf(`${gitDir}/${name}`));
  return files.join(' ');
}

function gitDirectoryOf(checkout: BytePath): BytePath {
  const dotGit = `${checkout}/.git`;
  try {
    const text = readFileSync(toFsPath(dotGit), 'latin1');
    const target = /^gitdir: (.*)$/m.exec(text)?.[1];
    return target === undefined ? dotGit : resolve(checkout, target);
  } catch {
    return dotGit;
  }
}

function stampOf(path: BytePath): string {
  const stats = lstatSync(toFsPath(path), { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? '-' : `${stats.mtimeNs}:${stats.size}:${stats.ino}`;
}
