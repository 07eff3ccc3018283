import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ScapError } from '../core/errors.ts';
import { isSha, parseSha, type Sha } from '../core/sha.ts';
import { writeFileAtomic } from '../system/atomic-file.ts';
import { run } from '../system/process.ts';
import { createGit, type Git, gitEnvironment } from './git-command.ts';
import { sweepStaleFiles } from './stale-files.ts';

/**
 * Overrides every attribute a tree may carry, for anyone who uses stock git on this repository. scap itself reads raw objects and
 * is not affected by attributes at all.
 */
export const attributesOverride = '* -text -eol -ident -filter -working-tree-encoding -export-ignore -export-subst\n';

/** Settings of every repository of ours: durable objects, packs only, any file name, no surprises. */
const repositoryConfig = `[core]
\trepositoryformatversion = 0
\tbare = true
\tfilemode = true
\tfsync = all
\tprotectNTFS = false
\tprotectHFS = false
\thooksPath = /dev/null
\tlogAllRefUpdates = false
\ttrustctime = false
\tuntrackedCache = false
\tfsmonitor = false
[transfer]
\tunpackLimit = 1
[gc]
\tauto = 0
[maintenance]
\tauto = false
[pack]
\twindowMemory = 64m
\tthreads = 2
`;

/**
 * Opens the bare repository at `gitDir` for its one writer, creating it when there is none. A creation that was interrupted is taken up
 * again, and what a killed git left in the way is removed.
 */
export async function openRepository(gitDir: string): Promise<Git> {
  await sweepStaleFiles(gitDir);
  if (!existsSync(join(gitDir, 'info', 'attributes'))) await initialise(gitDir);
  return createGit(gitDir);
}

async function initialise(gitDir: string): Promise<void> {
  mkdirSync(dirname(gitDir), { recursive: true });
  await run(
    ['git', 'init', '--quiet', '--bare', '--template=', '--object-format=sha1', '--initial-branch=main', gitDir],
    {
      env: gitEnvironment(),
    },
  );
  mkdirSync(join(gitDir, 'info'), { recursive: true });
  writeFileAtomic(join(gitDir, 'config'), repositoryConfig);
  // Written last: its presence says that the repository is complete.
  writeFileAtomic(join(gitDir, 'info', 'attributes'), attributesOverride);
}

/**
 * Removes the halves of packs that an interrupted git left behind (a full disk, a kill): nothing else ever would, and they may be large.
 * Only for the one writer of the repository.
 */
export function sweepUnfinishedPacks({ gitDir }: Git): void {
  const directory = join(gitDir, 'objects', 'pack');
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    if (/^(tmp_|\.tmp-)/.test(name)) rmSync(join(directory, name), { force: true });
  }
}

/** All refs below `prefix` (`refs/scap/`), by full name. */
export async function readRefs(git: Git, prefix = 'refs/'): Promise<Map<string, Sha>> {
  const { stdout } = await git.run(['for-each-ref', '--format=%(objectname) %(refname)', prefix]);
  const lines = stdout.toString('utf8').split('\n').filter(Boolean);
  return new Map(lines.map((line) => [line.slice(41), parseSha(line.slice(0, 40))]));
}

export interface RefUpdate {
  readonly name: string;
  /** `undefined` deletes the ref; deleting what is not there is no error. */
  readonly to: Sha | undefined;
}

/** Updates refs in one transaction: all or none. */
export async function updateRefs(git: Git, updates: readonly RefUpdate[]): Promise<void> {
  if (updates.length === 0) return;
  const lines = updates.map(({ name, to }) => (to === undefined ? `delete ${name}\0\0` : `update ${name}\0${to}\0\0`));
  await git.run(['update-ref', '-z', '--stdin'], { input: lines.join('') });
}

/** The content of one object, or `undefined` when the name resolves to nothing. For small objects; large ones are streamed. */
export async function readObject(
  git: Git,
  name: string,
  type: 'blob' | 'commit' | 'tree' = 'blob',
): Promise<Buffer | undefined> {
  const found = await git.objects.read(name);
  return found?.type === type ? found.content : undefined;
}

/** Whether a ref exists and what it names can be read. */
export async function hasRef(git: Git, name: string): Promise<boolean> {
  return (await git.objects.read(name)) !== undefined;
}

/**
 * The content of the file at `path` of a commit, or `undefined` when the commit has no such file. Throws `repository_damaged` when that
 * cannot be told: git answers a missing path and a broken object alike, and one must not pass for the other.
 */
export async function readFileOf(git: Git, commit: Sha, path: string): Promise<Buffer | undefined> {
  const content = await readObject(git, `${commit}:${path}`);
  if (content !== undefined) return content;
  const { exitCode, stdout } = await git.run(['ls-tree', '-z', commit, '--', path], { okExits: [0, 128] });
  if (exitCode === 0 && stdout.length === 0) return undefined;
  throw new ScapError(
    'repository_damaged',
    `Cannot read "${path}" of revision ${commit}: the repository "${git.gitDir}" is damaged`,
  );
}

/** The tree of a commit. Throws `repository_damaged` when the commit is not there. */
export async function readTreeOf(git: Git, commit: Sha): Promise<Sha> {
  const tree = await git.objects.read(`${commit}^{tree}`);
  if (tree?.type === 'tree') return tree.oid;
  throw new ScapError(
    'repository_damaged',
    `Cannot read revision ${commit}: the repository "${git.gitDir}" does not hold it`,
  );
}

/** The commits that a repository treats as having no parents (`shallow`). */
export function readShallow(git: Git): Set<Sha> {
  try {
    return new Set(readFileSync(join(git.gitDir, 'shallow'), 'utf8').split('\n').filter(isSha));
  } catch {
    return new Set();
  }
}

export function writeShallow(git: Git, commits: ReadonlySet<Sha>): void {
  writeFileAtomic(
    join(git.gitDir, 'shallow'),
    [...commits]
      .sort()
      .map((sha) => `${sha}\n`)
      .join(''),
  );
}
