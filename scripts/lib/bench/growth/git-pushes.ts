import { join } from 'node:path';
import { fixedGitEnvironment } from '../../fixed-git.ts';
import { type Argv, runProgram } from '../../program/run-program.ts';
import { endedChildrenCpuSeconds } from '../proc-files.ts';
import { measureRepository, type RepositorySize } from './count-files.ts';

export interface GitPush {
  /** `git add`, `git commit`, and three `git push` side by side. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly deployHost: RepositorySize;
  /** The first of three, which are alike. */
  readonly target: RepositorySize;
}

/**
 * Stock git doing the transport: a repository beside the staging tree, which is its work tree, and three bare ones it is pushed to. All
 * settings are git's own but one: housekeeping stays in the foreground, where its time is seen and nothing outlives the bench.
 */
export class GitPushes {
  readonly #repository: string;
  readonly #remotes: readonly string[];
  readonly #staging: string;
  readonly #signal: AbortSignal;

  constructor(directory: string, staging: string, signal: AbortSignal) {
    this.#repository = join(directory, 'deploy.git');
    this.#remotes = ['web1', 'web2', 'web3'].map((name) => join(directory, `${name}.git`));
    this.#staging = staging;
    this.#signal = signal;
  }

  async create(): Promise<void> {
    for (const repository of [this.#repository, ...this.#remotes]) {
      await this.#git('init', '--quiet', '--bare', '--initial-branch=main', repository);
      await this.#git(`--git-dir=${repository}`, 'config', 'gc.autoDetach', 'false');
    }
  }

  async push(): Promise<GitPush> {
    const before = endedChildrenCpuSeconds();
    const startedAt = performance.now();
    const at = [`--git-dir=${this.#repository}`, `--work-tree=${this.#staging}`];
    await this.#git(...at, 'add', '--all', '--force');
    await this.#git(...at, 'commit', '--quiet', '--message=Bench');
    await Promise.all(this.#remotes.map((remote) => this.#git(...at, 'push', '--quiet', remote, 'main')));
    const seconds = (performance.now() - startedAt) / 1000;
    return {
      seconds,
      cpuSeconds: endedChildrenCpuSeconds() - before,
      deployHost: measureRepository(this.#repository),
      target: measureRepository(this.#remotes[0] ?? ''),
    };
  }

  async #git(...args: string[]): Promise<void> {
    const argv: Argv = ['git', ...args];
    await runProgram(argv, { signal: this.#signal, env: fixedGitEnvironment() });
  }
}
