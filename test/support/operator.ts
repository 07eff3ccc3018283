/**
 * An operator at a shell: a working directory of their own, and the real `bin/scap` called in it.
 */
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

export const scapProgram = join(root, 'bin/scap');
export const storedFixture = join(root, 'fixtures/mediawiki-staging');

/** What a call of scap came to. */
export interface Answer {
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Operator {
  /** The working directory. */
  readonly cwd: string;
  /** The staging tree, `cwd`/staging. */
  readonly staging: string;
  /** Calls scap and returns what it printed. */
  scap(...args: string[]): Promise<Answer>;
  scapWith(options: CallOptions, ...args: string[]): Promise<Answer>;
  /** Calls scap and expects this status; throws all it printed otherwise. */
  expectStatus(status: number, ...args: string[]): Promise<Answer>;
  /** Calls scap with `--json`; returns the document. The status must be as expected. */
  json(status: number, ...args: string[]): Promise<Document>;
  path(...parts: string[]): string;
  /** What the kernel knows of every file of the targets, once their agents are gone. */
  targets(): Promise<Map<string, string>>;
  /** Writes files below staging; `null` removes a file or directory. */
  stage(files: Readonly<Record<string, string | null>>): void;
  live(host: string): string;
  cache(host: string): string;
}

// biome-ignore lint/suspicious/noExplicitAny: documents are judged by what tests write out.
export type Document = any;

const directories: string[] = [];

afterEach(async () => {
  for (const directory of directories.splice(0)) {
    await withoutAgents(directory);
    removeWhatever(directory);
  }
});

/** Ids of processes whose command line names `text`: agents of the targets below a directory. */
export function processesNaming(text: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** Agents may still be deleting what they threw away when scap has ended; this waits for them. A process that stays is an error. */
export async function withoutAgents(directory: string): Promise<void> {
  await until(() => processesNaming(directory).length === 0, `no process to be left that names ${directory}`);
}

/** A directory that is gone after the test. */
export function temporaryDirectory(name = 'scap-e2e-'): string {
  const directory = mkdtempSync(join(tmpdir(), name));
  directories.push(directory);
  return directory;
}

/** An operator in a fresh directory with a small staging tree. `files` replaces it. */
export function createOperator(
  files: Readonly<Record<string, string>> = smallTree,
  { name = 'scap-e2e-' } = {},
): Operator {
  const cwd = temporaryDirectory(name);
  const staging = join(cwd, 'staging');
  mkdirSync(staging);
  const scapWith = async (options: CallOptions, ...args: string[]): Promise<Answer> => {
    const result = await execa(scapProgram, args, {
      cwd: options.cwd ?? cwd,
      env: { ...cleanEnvironment(), ...options.env },
      extendEnv: false,
      stdin: 'ignore',
      reject: false,
      stripFinalNewline: false,
    });
    return { status: result.exitCode, stdout: result.stdout, stderr: result.stderr };
  };
  const scap = (...args: string[]) => scapWith({}, ...args);
  const expectStatus = async (status: number, ...args: string[]) => {
    const answer = await scap(...args);
    if (answer.status === status) return answer;
    throw new Error(
      `scap ${args.join(' ')}: exit status ${answer.status}, wanted ${status}\n${answer.stdout}\n${answer.stderr}`,
    );
  };
  const operator: Operator = {
    cwd,
    staging,
    scap,
    scapWith,
    expectStatus,
    json: async (status, ...args) => JSON.parse((await expectStatus(status, ...args, '--json')).stdout) as Document,
    path: (...parts) => join(cwd, ...parts),
    targets: async () => {
      await withoutAgents(cwd);
      return fingerprint(join(cwd, '.scap/targets'));
    },
    stage: (changes) => writeTree(staging, changes),
    live: (host) => join(cwd, `.scap/targets/${host}/live`),
    cache: (host) => join(cwd, `.scap/targets/${host}/cache`),
  };
  operator.stage(files);
  return operator;
}

export const smallTree: Readonly<Record<string, string>> = {
  'index.php': '<?php // one\n',
  'wmf-config/InitialiseSettings.php': '<?php // settings\n',
  'wmf-config/CommonSettings.php': '<?php // common\n',
  'php-1/includes/Main.php': '<?php // main\n',
  'php-1/includes/Extra.php': '<?php // extra\n',
  'docroot/robots.txt': 'User-agent: *\n',
};

/** An operator whose staging tree is a copy of fixtures/mediawiki-staging. */
export function createFixtureOperator(): Operator {
  const operator = createOperator({});
  cpSync(storedFixture, operator.staging, { recursive: true, verbatimSymlinks: true });
  return operator;
}

export function writeTree(directory: string, files: Readonly<Record<string, string | null>>): void {
  for (const [path, content] of Object.entries(files)) {
    const at = join(directory, path);
    if (content === null) {
      rmSync(at, { recursive: true });
      continue;
    }
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, content);
  }
}

/** The environment of a machine where nobody set anything up. */
export function cleanEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'USER', 'LOGNAME', 'TMPDIR'];
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** Everything the kernel knows of every file below `directory`: what changed shows, and so does what was made anew with the same bytes. */
export function fingerprint(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (path: string) => {
    const stats = lstatSync(join(directory, path), { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return;
    const link = stats.isSymbolicLink() ? readlinkSync(join(directory, path)) : '';
    const { ino, mode, size, nlink, mtimeNs, ctimeNs } = stats;
    found.set(
      path,
      `ino ${ino} mode ${mode.toString(8)} size ${size} links ${nlink} mtime ${mtimeNs} ctime ${ctimeNs} ${link}`,
    );
    if (stats.isDirectory()) for (const name of readdirSync(join(directory, path)).sort()) walk(join(path, name));
  };
  walk('.');
  return found;
}

/** Waits until `holds` does; the gate of tests that watch another process. */
export async function until(holds: () => boolean, what: string, timeoutMs = 15_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function removeWhatever(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  } catch {
    openDirectories(directory);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

function openDirectories(directory: string): void {
  chmodSync(directory, 0o700);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) openDirectories(join(directory, entry.name));
  }
}
