/**
 * Asks git where one checkout stands. The checkout may belong to somebody else: nothing its configuration names is run.
 */
import { dirname } from 'node:path';
import type { SimpleGit } from 'simple-git';
import type { Checkout } from '../core/checkout.ts';
import { gitEnvironment } from '../git/git-command.ts';
import { run } from '../system/process.ts';

/** Describes the checkout at `directory`; one that git cannot read is described by its problem. `path` is what to call it. */
export async function describeCheckout(directory: string, path: string): Promise<Checkout> {
  try {
    const git = await openCheckout(directory);
    const names = await git.raw(['config', '--list', '--name-only', '-z']);
    const status = await readStatus(directory, names.split('\0').filter(Boolean));
    const remote = await readRemote(git);
    return { path, ...parseStatus(status), ...(remote !== undefined && { remote }) };
  } catch (error) {
    const said = (error as Error).message.trim().split('\n')[0] ?? '';
    return { path, dirty: false, problem: said.slice(0, 200) };
  }
}

/** A `.git` that is no repository must not make git look for one further up. */
function environmentOf(directory: string): Record<string, string> {
  return gitEnvironment({ GIT_CEILING_DIRECTORIES: dirname(directory), GIT_NO_LAZY_FETCH: '1' });
}

/** For reading configuration only, which runs nothing. */
async function openCheckout(directory: string): Promise<SimpleGit> {
  const { simpleGit } = await import('simple-git');
  const environment = environmentOf(directory);
  return simpleGit({
    baseDir: directory,
    config: ['safe.directory=*'],
    unsafe: { allowUnsafeConfigPaths: true },
    allowEnvironment: Object.keys(environment),
  }).env(environment);
}

/**
 * `git status` may start what a repository configures: clean filters, a file system monitor, a transport for objects it lacks. All of that is
 * overridden, through the environment, because a key may hold characters that `-c` cannot. Submodules are not entered: they are checkouts
 * of their own here.
 */
async function readStatus(directory: string, names: readonly string[]): Promise<string> {
  const overrides = [...fixedOverrides, ...neutralise(names)];
  const env = { ...environmentOf(directory), GIT_CONFIG_COUNT: String(overrides.length) };
  for (const [at, [key, value]] of overrides.entries())
    Object.assign(env, { [`GIT_CONFIG_KEY_${at}`]: key, [`GIT_CONFIG_VALUE_${at}`]: value });
  const argv = [
    'git',
    '-C',
    directory,
    'status',
    '--porcelain=v2',
    '--branch',
    '-z',
    '--ignore-submodules=dirty',
  ] as const;
  return (await run(argv, { env })).stdout.toString('utf8');
}

type Override = readonly [key: string, value: string];

const fixedOverrides: readonly Override[] = [
  ['safe.directory', '*'],
  ['core.fsmonitor', 'false'],
  ['core.hooksPath', '/dev/null'],
  ['core.sshCommand', 'false'],
  ['core.gitProxy', 'false'],
  ['protocol.allow', 'never'],
];

/** For each configured name that could start a program during `git status`, the value that keeps it from doing so. */
export function neutralise(names: readonly string[]): Override[] {
  const rules: readonly (readonly [RegExp, string])[] = [
    [/^filter\..+\.(clean|smudge|process)$/is, ''],
    [/^filter\..+\.required$/is, 'false'],
    [/^protocol\..+\.allow$/is, 'never'],
    [/^remote\..+\.(uploadpack|receivepack|vcs|proxy)$/is, 'false'],
    [/^url\..+\.insteadof$/is, ''],
  ];
  return [...new Set(names)].flatMap((name) => {
    const rule = rules.find(([pattern]) => pattern.test(name));
    return rule === undefined ? [] : [[name, rule[1]] as const];
  });
}

async function readRemote(git: SimpleGit): Promise<string | undefined> {
  const remotes = await git.getRemotes(true);
  const remote = remotes.find(({ name }) => name === 'origin') ?? remotes[0];
  return remote?.refs.fetch === undefined ? undefined : withoutCredentials(remote.refs.fetch);
}

/** Parses `git status --porcelain=v2 --branch -z`. */
export function parseStatus(output: string): Pick<Checkout, 'head' | 'branch' | 'dirty'> {
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
