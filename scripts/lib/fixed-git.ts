import { execFileSync } from 'node:child_process';

const WHEN = '2025-01-15T12:00:00Z';

/** Builds an environment in which git gives the same commit ids on every machine, whatever the operator configured. */
export function fixedGitEnvironment(base: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const kept = Object.entries(base).filter(([name]) => !name.startsWith('GIT_'));
  return {
    ...Object.fromEntries(kept),
    LC_ALL: 'C',
    TZ: 'UTC',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_AUTHOR_NAME: 'Fixture Author',
    GIT_AUTHOR_EMAIL: 'author@example.org',
    GIT_AUTHOR_DATE: WHEN,
    GIT_COMMITTER_NAME: 'Fixture Committer',
    GIT_COMMITTER_EMAIL: 'committer@example.org',
    GIT_COMMITTER_DATE: WHEN,
  };
}

/** Runs git in a directory and returns its trimmed output. @throws Error with git's own message when it fails. */
export function runFixedGit(directory: string, ...args: readonly string[]): string {
  const settings = ['-c', 'core.excludesFile=/dev/null', '-c', 'core.attributesFile=/dev/null', '-c', 'gc.auto=0'];
  return execFileSync('git', ['-C', directory, ...settings, ...args], {
    env: fixedGitEnvironment(),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

/** What a made checkout looks like from outside. */
export interface CheckoutOptions {
  readonly branch: string;
  readonly remote: string;
  readonly message: string;
  /** What to commit, relative to the directory; everything when absent. */
  readonly paths?: readonly string[];
}

/**
 * Makes a directory a git checkout with one commit of everything below it, ignored files too (nested checkouts as
 * gitlinks), and returns the commit id. The index carries no file times, so that `.git` has the same bytes every time.
 */
export function makeCheckout(directory: string, options: CheckoutOptions): string {
  runFixedGit(directory, 'init', '--quiet', '--template=', `--initial-branch=${options.branch}`);
  runFixedGit(directory, 'add', '--all', '--force', '--', ...(options.paths ?? ['.']));
  runFixedGit(directory, 'commit', '--quiet', '--no-verify', '--allow-empty', `--message=${options.message}`);
  runFixedGit(directory, 'remote', 'add', 'origin', options.remote);
  runFixedGit(directory, 'read-tree', '--empty');
  runFixedGit(directory, 'read-tree', 'HEAD');
  return runFixedGit(directory, 'rev-parse', 'HEAD');
}
