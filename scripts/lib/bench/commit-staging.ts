import { fixedGitEnvironment } from '../fixed-git.ts';
import { type Argv, runProgram } from '../program/run-program.ts';

export interface StagingRepository {
  /** A bare repository; its work tree is the staging tree. */
  readonly repository: string;
  readonly staging: string;
  readonly signal: AbortSignal;
}

/**
 * Makes the repository, commits the whole tree once and packs it, as a repository that has lived for a while is. Returns how long the commit
 * took, in seconds.
 */
export async function createStagingRepository(options: StagingRepository): Promise<number> {
  await git(options, 'init', '--quiet', '--bare', '--initial-branch=main', options.repository);
  const seconds = await commitStaging(options);
  await git(options, `--git-dir=${options.repository}`, 'repack', '-a', '-d', '--quiet');
  return seconds;
}

/** Commits what changed in the staging tree, if anything; returns how long `git add` and `git commit` took, in seconds. */
export async function commitStaging(options: StagingRepository): Promise<number> {
  const at = [`--git-dir=${options.repository}`, `--work-tree=${options.staging}`];
  const added = await git(options, ...at, 'add', '--all', '--force');
  const committed = await git(options, ...at, '-c', 'gc.auto=0', 'commit', '--quiet', '--message=Bench');
  return added + committed;
}

async function git({ signal }: StagingRepository, ...args: string[]): Promise<number> {
  const argv: Argv = ['git', ...args];
  // 1: git commit found nothing to commit.
  const { seconds } = await runProgram(argv, { signal, env: fixedGitEnvironment(), okStatuses: [0, 1] });
  return seconds;
}
