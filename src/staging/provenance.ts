/**
 * Where the nested checkouts of a staging tree stand: commit, branch, remote, and whether they were edited.
 *
 * Asking git about hundreds of checkouts takes seconds, so answers are remembered: one stays good while the checkout's own git files are the
 * same and the capture found no change below it. Nothing here influences a revision's tree.
 */
import { lstatSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { SimpleGit } from 'simple-git';
import { type BytePath, fromText, isWithin, toEncodedPath, toFsPath } from '../core/byte-path.ts';
import { settleAll } from '../core/settle-all.ts';
import { gitEnvironment } from '../git/git-command.ts';

/** What is known of one checkout; structurally a `Checkout` of `revision/revision-record`. */
export interface Provenance {
  /** In the encoding of `toEncodedPath`. */
  readonly path: string;
  readonly head?: string;
  readonly branch?: string;
  readonly remote?: string;
  readonly dirty: boolean;
  readonly problem?: string;
}

/** Earlier answers by path, with what they depended on. Safe to lose. */
export type ProvenanceMemory = Readonly<
  Record<string, { readonly signature: string; readonly provenance: Provenance }>
>;

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
): Promise<{ checkouts: Provenance[]; memory: ProvenanceMemory }> {
  const paths = [...new Set(options.checkouts)].sort();
  const touched = touchedCheckouts(paths, options.changed);
  const settled = await settleAll(paths, { limit: concurrency, signal: options.signal }, async (path) => {
    const key = toEncodedPath(path);
    const signature = signatureOf(options.root, path);
    const known = options.memory[key];
    const fresh = known !== undefined && known.signature === signature && !touched.has(path);
    return { key, signature, provenance: fresh ? known.provenance : await askGit(options.root, path) };
  });
  const found = settled.flatMap((item) => (item.status === 'fulfilled' ? [item.value] : []));
  return {
    checkouts: found.map(({ provenance }) => provenance),
    memory: Object.fromEntries(found.map(({ key, signature, provenance }) => [key, { signature, provenance }])),
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

async function askGit(root: string, path: BytePath): Promise<Provenance> {
  const encoded = toEncodedPath(path);
  try {
    const git = await openCheckout(join(root, Buffer.from(path, 'latin1').toString('utf8')));
    const status = await git.raw(['status', '--porcelain=v2', '--branch', '-z', '--ignore-submodules=none']);
    const remote = await readRemote(git);
    return { path: encoded, ...parseStatus(status), ...(remote !== undefined && { remote }) };
  } catch (error) {
    const said = (error as Error).message.trim().split('\n')[0] ?? '';
    return { path: encoded, dirty: false, problem: said.slice(0, 200) };
  }
}

/**
 * Opens a checkout that may belong to somebody else. None of its hooks run, nor its file system monitor; a clean filter its own configuration
 * names may, for a file whose times changed: that is how git tells whether it was edited.
 */
async function openCheckout(directory: string): Promise<SimpleGit> {
  const { simpleGit } = await import('simple-git');
  // A ".git" that is no repository must not make git look for one further up.
  const environment = gitEnvironment({ GIT_CEILING_DIRECTORIES: dirname(directory) });
  return simpleGit({
    baseDir: directory,
    config: ['safe.directory=*', 'core.fsmonitor=false', 'core.hooksPath=/dev/null'],
    unsafe: { allowUnsafeFsMonitor: true, allowUnsafeHooksPath: true, allowUnsafeConfigPaths: true },
    allowEnvironment: Object.keys(environment),
  }).env(environment);
}

async function readRemote(git: SimpleGit): Promise<string | undefined> {
  const remotes = await git.getRemotes(true);
  const remote = remotes.find(({ name }) => name === 'origin') ?? remotes[0];
  return remote?.refs.fetch === undefined ? undefined : withoutCredentials(remote.refs.fetch);
}

/** Parses `git status --porcelain=v2 --branch -z`. */
export function parseStatus(output: string): Pick<Provenance, 'head' | 'branch' | 'dirty'> {
  const lines = output.split('\0').filter(Boolean);
  const header = (name: string) => lines.find((line) => line.startsWith(`# ${name} `))?.slice(name.length + 3);
  const head = header('branch.oid');
  const branch = header('branch.head');
  return {
    ...(head !== undefined && head !== '(initial)' && { head }),
    ...(branch !== undefined && branch !== '(detached)' && { branch }),
    dirty: lines.some((line) => !line.startsWith('# ')),
  };
}

/** A URL without user name and password: tokens are put there, and records are shown to many. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1');
}
