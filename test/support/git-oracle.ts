// Stock git as the judge of what we wrote: as a stranger would run it, without anything of the operator's.
import { spawnSync } from 'node:child_process';
import type { BytePath } from '../../src/core/byte-path.ts';
import type { TreeNode } from './tree-builder.ts';

export interface GitAnswer {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface GitCall {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const cleanEnvironment = {
  PATH: process.env.PATH ?? '/usr/bin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.org',
};

/** Runs git and answers with whatever happened. */
export function tryGit(args: readonly string[], { input = '', env = {}, cwd }: GitCall = {}): GitAnswer {
  const result = spawnSync('git', args, {
    input,
    cwd,
    env: { ...cleanEnvironment, ...env },
    maxBuffer: 1024 ** 3,
  });
  if (result.error) throw result.error;
  return { status: result.status ?? -1, stdout: result.stdout, stderr: result.stderr.toString('utf8') };
}

/** Runs git, which must succeed; returns what it printed. */
export function git(args: readonly string[], call: GitCall = {}): Buffer {
  const { status, stdout, stderr } = tryGit(args, call);
  if (status !== 0) throw new Error(`git ${args.join(' ')}: exit ${status}: ${stderr}`);
  return stdout;
}

/** As {@link git}, one line of text. */
export function gitLine(args: readonly string[], call: GitCall = {}): string {
  return git(args, call).toString('latin1').trimEnd();
}

/** The files of a revision by byte path, read with stock git. Modes are the ordinary ones git stands for. */
export function readRevision(gitDir: string, revision: string): Record<BytePath, TreeNode> {
  const tree: Record<BytePath, TreeNode> = Object.create(null) as Record<BytePath, TreeNode>;
  const lines = git(['--git-dir', gitDir, 'ls-tree', '-r', '-z', '--full-tree', revision])
    .toString('latin1')
    .split('\0');
  for (const line of lines.filter(Boolean)) {
    const [mode, , oid = ''] = line.slice(0, line.indexOf('\t')).split(' ');
    const content = git(['--git-dir', gitDir, 'cat-file', 'blob', oid]).toString('latin1');
    tree[line.slice(line.indexOf('\t') + 1)] =
      mode === '120000'
        ? { type: 'link', target: content }
        : { type: 'file', mode: mode === '100755' ? 0o755 : 0o644, content };
  }
  return tree;
}

/** Mode and path of every file of a revision, without its content: `100644 a/b`. */
export function listRevision(gitDir: string, revision: string): string[] {
  const lines = git(['--git-dir', gitDir, 'ls-tree', '-r', '-z', '--full-tree', revision])
    .toString('latin1')
    .split('\0');
  return lines.filter(Boolean).map((line) => `${line.slice(0, 6)} ${line.slice(line.indexOf('\t') + 1)}`);
}

/** Makes a repository with one commit of what stands in `directory`; returns the commit. */
export function makeCheckout(directory: string, ...initArgs: string[]): string {
  git(['init', '--quiet', '--initial-branch=main', ...initArgs, directory]);
  return commitAll(directory, 'first');
}

export function commitAll(directory: string, message: string): string {
  git(['-C', directory, 'add', '-A']);
  git(['-C', directory, 'commit', '--quiet', '--allow-empty', '-m', message]);
  return gitLine(['-C', directory, 'rev-parse', 'HEAD']);
}
