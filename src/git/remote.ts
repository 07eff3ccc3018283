/**
 * Reading from a repository elsewhere by git's own protocols. It needs no configuration there: refs are asked for by name.
 */
import { isAbsolute, resolve } from 'node:path';
import { ScapError } from '../core/errors.ts';
import { isSha, type Sha } from '../core/sha.ts';
import { run } from '../system/process.ts';
import { type Git, gitEnvironment } from './git-command.ts';
import { readShallow, sweepUnfinishedPacks, updateRefs, writeShallow } from './repository.ts';

export interface RemoteOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
}

/**
 * Parses where a repository is: an absolute path, one that starts with a dot, a URL with `file`, `ssh`, `git` or `https`, or ssh's short form
 * `host:path`. Relative paths are resolved against `cwd`. Throws `usage` for anything else: some of git's protocols run what the URL says.
 */
export function parseRepositoryUrl(text: string, cwd: string): string {
  if (isAbsolute(text) || isAllowedUrl(text)) return text;
  if (/^\.{1,2}(\/|$)/.test(text)) return resolve(cwd, text);
  if (/^([A-Za-z0-9_][\w.-]*@)?[A-Za-z0-9_][\w.-]*:(?![:-]|\/\/)./.test(text)) return text;
  throw new ScapError('usage', `Cannot use "${text}" as the URL of a repository`, {
    hint: 'Give a path, host:path, or a URL with file, ssh, git or https: scap pull --from deploy1:/srv/scap/repo.git',
  });
}

function isAllowedUrl(text: string): boolean {
  if (!/^(file|ssh|git|https):\/\//.test(text) || !URL.canParse(text)) return false;
  // A host or user that starts with a dash would be an option to ssh.
  const { hostname, username } = new URL(text);
  return !hostname.startsWith('-') && !username.startsWith('-');
}

/** The refs there that match the patterns, by full name. Throws `repository_unreachable`. */
export async function listRemoteRefs(
  url: string,
  patterns: readonly string[],
  options: RemoteOptions,
): Promise<Map<string, Sha>> {
  // In the root directory, so that no repository around us has a say in what the URL means.
  const { stdout } = await run(['git', 'ls-remote', '--quiet', '--', url, ...patterns], {
    ...options,
    env: gitEnvironment(transportEnvironment()),
    cwd: '/',
  }).catch((cause: unknown) => {
    throw unreachable(url, cause);
  });
  const lines = stdout.toString('utf8').split('\n').filter(Boolean);
  return new Map(
    lines.flatMap((line) => {
      const oid = line.slice(0, 40);
      return isSha(oid) ? [[line.slice(41), oid] as const] : [];
    }),
  );
}

/** Which objects to bring, by the refs that lead to them there and here. */
export interface RemoteRevision {
  readonly revision: Sha;
  readonly refs: ReadonlyMap<string, Sha>;
}

/**
 * Brings one revision and what belongs to it, under the same refs, without its history; what the repository has already is not transferred again.
 * All of it or nothing becomes known. Only for the one writer of the repository. Throws `repository_unreachable`.
 */
export async function fetchRevision(
  git: Git,
  url: string,
  { revision, refs }: RemoteRevision,
  options: RemoteOptions,
): Promise<void> {
  sweepUnfinishedPacks(git);
  // No refs are written by git: they come last, after the commit is known to stand alone here.
  const flags = ['--quiet', '--depth=1', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance'];
  try {
    await git.run(['fetch', ...flags, '--', url, ...refs.keys()], {
      ...options,
      env: transportEnvironment(),
      cwd: '/',
    });
  } catch (cause) {
    sweepUnfinishedPacks(git);
    throw unreachable(url, cause);
  }
  writeShallow(git, new Set([...readShallow(git), revision]));
  await updateRefs(
    git,
    [...refs].map(([name, to]) => ({ name, to })),
  );
}

/** What reaching another host needs beyond our own environment. Nobody is there to be asked for a password. */
function transportEnvironment(): Record<string, string> {
  const names = ['SSH_AUTH_SOCK', 'https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY'];
  return {
    ...Object.fromEntries(
      names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
    ),
    GIT_ALLOW_PROTOCOL: 'file:git:https:ssh',
    GIT_SSH_COMMAND: 'ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=15',
  };
}

/** The URL for people, locks and logs: without a password, and without what stands for one before the `@` of https. */
export function withoutPassword(url: string): string {
  return url.replace(/^(https:\/\/)[^/]*@/, '$1…@').replace(/^([a-z]+:\/\/[^/:]*):[^/]*@/, '$1:…@');
}

function unreachable(url: string, cause: unknown): unknown {
  if (!(cause instanceof ScapError) || (cause.code !== 'process_failed' && cause.code !== 'process_timeout'))
    return cause;
  // The reason comes first; what git adds below is the same for every reason. A frame of "@" is ssh's warning that shouts.
  const said = String(cause.data.stderr ?? '').split('\n');
  const reasons = said.filter((line) => line.trim() !== '' && !line.startsWith('@')).slice(0, 2);
  const why = reasons.length === 0 ? cause.message : reasons.join(' | ').slice(0, 300);
  const shown = withoutPassword(url);
  return new ScapError('repository_unreachable', `Cannot read the repository "${shown}": ${why}`, {
    hint: `Try it by hand, as the user that serves the target: git ls-remote ${shown}`,
    cause,
  });
}
