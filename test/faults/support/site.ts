// A small deploy host with local targets in a directory of its own, and the real program run on it.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const scapPath = fileURLToPath(new URL('../../../dist/scap.mjs', import.meta.url));
export const agentPath = fileURLToPath(new URL('../../../dist/agent.mjs', import.meta.url));
const preload = new URL('./crash-preload.mjs', import.meta.url).href;

export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/** What goes wrong, as parameters of crash-preload.mjs. */
export type Fault = Readonly<Record<string, string | number>>;

export interface RunOptions {
  readonly fault?: Fault | readonly Fault[] | undefined;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Put before `node`: setpriv, unshare. */
  readonly prefix?: readonly string[];
}

export interface Running {
  readonly pid: number;
  readonly done: Promise<Finished>;
  kill(signal?: NodeJS.Signals): void;
  /** Waits until the output so far matches. */
  until(pattern: RegExp): Promise<void>;
}

export interface SiteOptions {
  readonly hosts?: readonly string[];
  /** More lines for scap.yaml. */
  readonly config?: string;
  readonly keepRevisions?: number;
  /** Own cache and live path of hosts; default: below targets/. */
  readonly paths?: Readonly<Record<string, { readonly cache: string; readonly live: string }>>;
  readonly state?: string;
  /** The label `site` of hosts that have one. */
  readonly sites?: Readonly<Record<string, string>>;
}

/** What is to be ended and removed after each test, however it went. */
const processes = new Set<ChildProcess>();
const sites = new Set<Site>();
const directories = new Set<string>();

export async function cleanUp(): Promise<void> {
  for (const child of processes) signal(child, 'SIGKILL');
  processes.clear();
  for (const site of sites) {
    for (const pid of site.processes()) killPid(pid);
    await eventually(() => site.processes().length === 0).catch(() => {});
  }
  sites.clear();
  for (const directory of directories) removeDirectory(directory);
  directories.clear();
}

/** Directories on a memory file system make hundreds of pushes bearable: nothing here is about the disk. */
export function makeDirectory(): string {
  const base = ['/dev/shm', tmpdir()].find((directory) => {
    try {
      accessSync(directory, 7);
      return true;
    } catch {
      return false;
    }
  });
  const directory = realpathSync(mkdtempSync(join(base ?? tmpdir(), 'scap-faults-')));
  directories.add(directory);
  return directory;
}

export class Site {
  readonly dir = makeDirectory();
  readonly hosts: readonly string[];
  readonly staging = join(this.dir, 'staging');
  readonly state: string;
  readonly #paths: NonNullable<SiteOptions['paths']>;

  constructor({
    hosts = ['web1', 'web2', 'web3'],
    config = '',
    keepRevisions = 3,
    paths = {},
    state,
    sites: labels = {},
  }: SiteOptions = {}) {
    sites.add(this);
    chmodSync(this.dir, 0o755);
    this.hosts = hosts;
    this.state = state ?? join(this.dir, 'state');
    this.#paths = paths;
    mkdirSync(this.staging);
    const lines = hosts.map((host) => {
      const label = labels[host] === undefined ? '' : `, labels: {site: ${labels[host]}}`;
      return `  ${host}: {cache: ${this.cache(host)}, live: ${this.live(host)}${label}}`;
    });
    const target = `target: {keepRevisions: ${keepRevisions}, graceTime: 0s}`;
    const text = ['staging: ./staging', `state: ${this.state}`, 'maxShrink: 100%', target, 'hosts:', ...lines, config];
    writeFileSync(join(this.dir, 'scap.yaml'), `${text.join('\n')}\n`);
  }

  cache(host: string): string {
    return this.#paths[host]?.cache ?? join(this.dir, 'targets', host, 'cache');
  }

  live(host: string): string {
    return this.#paths[host]?.live ?? join(this.dir, 'targets', host, 'live');
  }

  /** Starts `scap ARGS`. */
  start(args: readonly string[], { fault = [], cwd = this.dir, prefix = [], env: more }: RunOptions = {}): Running {
    const faults = [fault].flat() as Fault[];
    const imports = faults.map((one) => {
      const query = new URLSearchParams(
        Object.entries(one).map(([name, value]): [string, string] => [name, String(value)]),
      );
      return `--import=${preload}?${query}`;
    });
    const env = { ...process.env, SCAP_CONFIG: join(this.dir, 'scap.yaml'), NODE_OPTIONS: imports.join(' '), ...more };
    const [program = '', ...rest] = [...prefix, process.execPath, scapPath, ...args];
    return startProcess(program, rest, { cwd, env });
  }

  /** Runs `scap ARGS` to its end. */
  scap(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.start(args, options).done;
  }

  /** Runs `scap ARGS`, which must succeed. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const finished = await this.scap(args, options);
    if (finished.status === 0) return finished;
    throw new Error(
      `scap ${args.join(' ')} ended with ${finished.status ?? finished.signal}\n${finished.stdout}\n${finished.stderr}`,
    );
  }

  /** The revision a host serves. */
  liveSha(host: string): string {
    return readlinkSync(this.live(host)).split('/').at(-1) ?? '';
  }

  /** Agents, and git processes of agents and deploy host, that work in this site. */
  processes(): number[] {
    return listProcesses(this.dir);
  }

  /** Waits until the agents have done what they do when nobody waits. */
  async settle(): Promise<void> {
    await eventually(() => this.processes().length === 0);
  }
}

export interface Writable {
  readonly [path: string]: string | { readonly link: string } | { readonly mode: number; readonly text: string };
}

/** Makes the directory hold exactly these files; `null` content is a directory. */
export function writeTree(root: string, files: Writable): void {
  for (const name of existsSync(root) ? readdirSync(root) : []) rmSync(join(root, name), { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const at = join(root, path);
    mkdirSync(path.endsWith('/') ? at : join(at, '..'), { recursive: true });
    if (path.endsWith('/')) continue;
    if (typeof content === 'string') writeFileSync(at, content);
    else if ('link' in content) symlinkSync(content.link, at);
    else {
      writeFileSync(at, content.text);
      chmodSync(at, content.mode);
    }
  }
}

/** Staging content number `n`: most of it stays, some changes, comes, goes and changes its kind. */
export function stage(root: string, n: number): string {
  writeTree(root, {
    'index.php': `<?php echo ${n};\n`,
    VERSION: `${n}\n`,
    'same/one.txt': 'always the same\n',
    'same/two.txt': 'this too\n',
    'same/empty': '',
    'same/deep/er/three.txt': 'and this\n',
    [`only/in-${n}.txt`]: `${n}\n`,
    'large.bin': `${'x'.repeat(100_000)}${n % 3}`,
    'run.sh': { mode: n % 2 ? 0o755 : 0o644, text: '#!/bin/sh\n' },
    'secret.php': { mode: 0o640, text: 'secret\n' },
    ...(n % 2 ? { kind: { link: `only/in-${n}.txt` } } : { 'kind/file': 'a directory now\n' }),
    [`empty-${n % 2}/`]: '',
  });
  return hashTree(root);
}

/** One hash of names, kinds, permission bits and bytes of everything below `root`; `.scap` at its top is left out. */
export function hashTree(root: string): string {
  const hash = createHash('sha256');
  const walk = (path: string) => {
    const names = readdirSync(join(root, path)).sort();
    for (const name of names) {
      const below = path === '' ? name : `${path}/${name}`;
      if (below === '.scap') continue;
      const at = join(root, below);
      const stats = lstatSync(at);
      if (stats.isSymbolicLink()) hash.update(`link ${below} ${readlinkSync(at)}\n`);
      else if (stats.isDirectory()) {
        hash.update(`directory ${below}\n`);
        walk(below);
      } else {
        hash.update(`file ${below} ${(stats.mode & 0o777).toString(8)} ${stats.size}\n`);
        hash.update(readFileSync(at));
      }
    }
  };
  walk('');
  return hash.digest('hex');
}

/** Waits until `holds` does; throws when it does not in time. */
export async function eventually(holds: () => boolean, timeoutMs = 15_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !holds(); await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`not so after ${timeoutMs} ms: ${holds}`);
  }
}

export function startProcess(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Running {
  const startedAt = Date.now();
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  processes.add(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  // "exit", not "close": an agent that lingers has our pipes.
  const done = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (status, killedBy) => {
      processes.delete(child);
      setTimeout(() => resolve({ status, signal: killedBy, ...output, durationMs: Date.now() - startedAt }), 10);
    });
  });
  done.catch(() => {});
  return {
    pid: child.pid ?? -1,
    done,
    kill: (name = 'SIGKILL') => signal(child, name),
    until: async (pattern) => {
      await eventually(() => pattern.test(output.stdout) || pattern.test(output.stderr) || child.exitCode !== null);
      if (!pattern.test(output.stdout) && !pattern.test(output.stderr)) {
        throw new Error(`ended without ${pattern}\n${output.stdout}\n${output.stderr}`);
      }
    },
  };
}

export function killPid(pid: number, name: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

/** Processes that name `directory` on their command line, or work for it by their environment; zombies are none. */
export function listProcesses(directory: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'latin1');
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1');
      const about = command.includes(`${directory}/`) || environment.includes(`GIT_DIR=${directory}/`);
      if (about && Number(name) !== process.pid) found.push(Number(name));
    } catch {
      // It has ended.
    }
  }
  return found;
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) killPid(child.pid, name);
}

function removeDirectory(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Modes that keep an ordinary user out.
    spawn('chmod', ['-R', 'u+rwX', path]).on('exit', () => rmSync(path, { recursive: true, force: true }));
  }
}

/** Removes one file, whoever shares its inode, and puts another in its place. */
export function replaceFile(path: string, text: string): void {
  unlinkSync(path);
  writeFileSync(path, text);
}
