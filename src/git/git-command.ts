/**
 * Runs git on a repository of ours, unaffected by anything of the operator's: no configuration, no `GIT_*` environment, no hooks,
 * no prompt, no locale, no ownership question (an explicit `GIT_DIR` skips discovery and with it `safe.directory`).
 */
import {
  type Finished,
  type RunOptions,
  run,
  type StreamedProcess,
  type StreamOptions,
  startStreamed,
} from '../system/process.ts';
import { createObjectReader, type ObjectReader } from './object-reader.ts';

/** A bare repository and how to run git on it. */
export interface Git {
  readonly gitDir: string;
  /** Runs `git ARGS`; see `run` for what is returned and thrown. */
  run(args: readonly string[], options?: GitRunOptions): Promise<Finished>;
  /** Reads its objects one by one. */
  readonly objects: ObjectReader;
  /** Starts `git ARGS` with open pipes; the caller consumes them. */
  stream(args: readonly string[], options?: StreamOptions): Promise<StreamedProcess>;
}

export type GitRunOptions = Omit<RunOptions, 'env'> & { readonly env?: Readonly<Record<string, string>> };

/** The environment every git process of ours runs in. */
export function gitEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    ...extra,
  };
}

export function createGit(gitDir: string): Git {
  const env = gitEnvironment({ GIT_DIR: gitDir });
  const stream: Git['stream'] = (args, options = {}) => startStreamed(['git', ...args], { ...options, env });
  return {
    gitDir,
    objects: createObjectReader({ stream }),
    run: (args, options = {}) => run(['git', ...args], { ...options, env: { ...env, ...options.env } }),
    stream,
  };
}
