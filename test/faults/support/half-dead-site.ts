// A deploy host whose targets are real SSH hosts, the real program run on it, and what can be done to a host.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { type Fleet, type FleetHost, startFleet } from '../../../scripts/lib/fleet/fleet.mjs';
import { bridgeName, fleetTag, linkName } from '../../../scripts/lib/fleet/lay-out.mjs';
import { findHostProcesses, readProcesses } from '../../../scripts/lib/fleet/process-table.mjs';
import type { HostState, ScapEvent } from '../../../src/events/event.ts';
import {
  eventually,
  type Fault,
  type Finished,
  hashTree,
  makeDirectory,
  type Running,
  scapPath,
  stage,
  startProcess,
} from './site.ts';

const preload = new URL('./crash-preload.mjs', import.meta.url).href;

export interface HalfDeadSiteOptions {
  readonly hosts: number;
  readonly mode: 'plain' | 'namespaces';
  /** Lines of scap.yaml: groups, timeouts. */
  readonly config: readonly string[];
  /** Further settings of section `ssh`. */
  readonly ssh?: string;
}

/** A run that has ended, with what its events say. */
export interface Run extends Finished {
  readonly events: readonly ScapEvent[];
  /** Everything it printed, for messages. */
  readonly story: string;
}

/** A run under way. */
export interface RunningPush {
  readonly running: Running;
  readonly done: Promise<Run>;
  /** Waits until the stage has ended, or the run. */
  stageFinished(stage: string): Promise<void>;
}

/** See {@link HalfDeadSite.hold}. */
export interface Hold {
  /** Waits until an agent is held. */
  reached(): Promise<void>;
  /** Lets agents go on, and holds no more of them. */
  release(): void;
}

export class HalfDeadSite {
  readonly dir: string;
  readonly fleet: Fleet;
  readonly staging: string;
  readonly #options: HalfDeadSiteOptions;
  #target = 'keepRevisions: 3, graceTime: 0s';
  /** Where scap connects to instead of the host itself. */
  readonly #detours = new Map<string, number>();
  #n = 0;

  private constructor(dir: string, fleet: Fleet, options: HalfDeadSiteOptions) {
    this.dir = dir;
    this.fleet = fleet;
    this.staging = join(dir, 'staging');
    this.#options = options;
    mkdirSync(this.staging);
    // Each host finds in its home what is to be wrong with its agents: options of Node, and a program to start it with.
    const node = [
      '#!/bin/sh',
      'home=$' + '{XDG_CACHE_HOME%/.cache}',
      'test -f "$home/node-options" && NODE_OPTIONS=$(cat "$home/node-options") && export NODE_OPTIONS',
      'test -f "$home/node-prefix" && prefix=$(cat "$home/node-prefix")',
      `exec $prefix ${process.execPath} "$@"`,
    ];
    writeFileSync(join(dir, 'node'), `${node.join('\n')}\n`, { mode: 0o755 });
    this.#writeConfig();
  }

  /** The caller stops `fleet`; the directory goes with `cleanUp` of site.ts. */
  static async start(options: HalfDeadSiteOptions): Promise<HalfDeadSite> {
    const dir = makeDirectory();
    const fleet = await startFleet({ directory: join(dir, 'fleet'), hosts: options.hosts, mode: options.mode });
    return new HalfDeadSite(dir, fleet, options);
  }

  get names(): readonly string[] {
    return this.fleet.hosts.map(({ name }) => name);
  }

  host(name: string): FleetHost {
    return this.fleet.hosts.find((host) => host.name === name) as FleetHost;
  }

  /** New content in the staging tree; returns its hash. `bytes`: so much of it cannot be compressed. */
  stage(bytes = 0): string {
    const tree = stage(this.staging, ++this.#n);
    if (bytes === 0) return tree;
    const noise = spawnSync('head', ['-c', String(bytes), '/dev/urandom'], { maxBuffer: bytes + 1 }).stdout;
    writeFileSync(join(this.staging, 'noise.bin'), noise);
    return hashTree(this.staging);
  }

  /** Starts `scap ARGS --events`. */
  start(args: readonly string[]): RunningPush {
    const env = { ...process.env, SCAP_CONFIG: join(this.dir, 'scap.yaml') };
    const running = startProcess(process.execPath, [scapPath, ...args, '--events'], { cwd: this.dir, env });
    const done = running.done.then((finished) => ({
      ...finished,
      events: parseEvents(finished.stdout),
      story: `scap ${args.join(' ')}: ${finished.status} after ${finished.durationMs} ms\n${finished.stdout}\n${finished.stderr}`,
    }));
    const stageFinished = (name: string) => running.until(new RegExp(`"type":"stage.finished".*"stage":"${name}"`));
    return { running, done, stageFinished };
  }

  push(): Promise<Run> {
    return this.start(['push']).done;
  }

  /** What `scap ARGS --json` prints; the status must be as expected. */
  // biome-ignore lint/suspicious/noExplicitAny: documents are judged by what tests write out.
  async json(status: number, ...args: string[]): Promise<any> {
    const env = { ...process.env, SCAP_CONFIG: join(this.dir, 'scap.yaml') };
    const ended = await startProcess(process.execPath, [scapPath, ...args, '--json'], { cwd: this.dir, env }).done;
    expect(ended.status, `${ended.stdout}\n${ended.stderr}`).toBe(status);
    return JSON.parse(ended.stdout);
  }

  /** Lets the next agents of a host fail at a point; see crash-preload.mjs. */
  afflict(name: string, fault: Fault): void {
    const { host: _, ...query } = Object.fromEntries(Object.entries(fault).map(([key, value]) => [key, String(value)]));
    this.preload(name, `${preload}?${new URLSearchParams({ role: 'agent', ...query })}`);
  }

  /** Holds the next agents of a host at a point, a minute at most. */
  hold(name: string, at: Fault): Hold {
    const [mark, until] = [join(this.dir, `${name}.mark`), join(this.dir, `${name}.until`)];
    for (const file of [mark, until]) rmSync(file, { force: true });
    this.afflict(name, { ...at, action: 'hold', mark, until });
    return {
      reached: () => eventually(() => existsSync(mark), 30_000),
      release: () => writeFileSync(until, ''),
    };
  }

  /** Has the next agents of a host load a module before they begin. */
  preload(name: string, url: string): void {
    writeFileSync(join(this.#home(name), 'node-options'), `--import=${url}`);
  }

  /** Starts the next agents of a host with a program before `node`. */
  prefix(name: string, argv: readonly string[]): void {
    writeFileSync(join(this.#home(name), 'node-prefix'), argv.join(' '));
  }

  /** Has scap connect to a port of 127.0.0.1 instead of a host. */
  detour(name: string, port: number): void {
    this.#detours.set(name, port);
    this.#writeConfig();
  }

  /** Settings of every host: retention. */
  configureTargets(target: string): void {
    this.#target = target;
    this.#writeConfig();
  }

  /** Ends what {@link afflict}, {@link preload}, {@link prefix}, {@link detour} and {@link blackHole} began. */
  async heal(name: string): Promise<void> {
    for (const file of ['node-options', 'node-prefix']) rmSync(join(this.#home(name), file), { force: true });
    if (this.#detours.delete(name)) this.#writeConfig();
    const tag = fleetTag(this.fleet.directory);
    if (this.host(name).netns !== undefined) run(['ip', 'link', 'set', linkName(tag, name), 'master', bridgeName(tag)]);
    await this.host(name).thaw();
    await this.host(name).start();
  }

  /**
   * From now on no packet reaches a host or leaves it, and nobody is told so; until {@link heal}. Namespaces only: the host's cable is pulled out
   * of the bridge, and this machine goes on knowing where it was, else it would ask, and learn after three seconds that nobody answers.
   */
  blackHole(name: string): void {
    const { address, netns = '' } = this.host(name);
    const lladdr = run(['ip', 'netns', 'exec', netns, 'cat', '/sys/class/net/eth0/address']).trim();
    const tag = fleetTag(this.fleet.directory);
    // In this order: a bridge that loses the port whose address it bore takes another, and forgets whom it knew.
    run(['ip', 'link', 'set', linkName(tag, name), 'nomaster']);
    run(['ip', 'neigh', 'replace', address, 'lladdr', lladdr, 'dev', bridgeName(tag), 'nud', 'permanent']);
  }

  /** Runs a program among the mounts of a host, where its /srv is. Namespaces only. */
  inMounts(name: string, argv: readonly string[]): string {
    return run(['nsenter', '-t', String(this.host(name).sshdPid), '-m', ...argv]);
  }

  /** The revision a host serves; `undefined` when it serves none. */
  liveSha(name: string): string | undefined {
    try {
      return readlinkSync(this.host(name).live).split('/').at(-1);
    } catch {
      return undefined;
    }
  }

  /** The hash of what a host serves, read where the host sees it. */
  servedTree(name: string): string | undefined {
    const sha = this.liveSha(name);
    if (sha === undefined) return undefined;
    const { netns, sshdPid, cache } = this.host(name);
    const seen = netns === undefined ? cache : `/proc/${sshdPid}/root/srv/mediawiki-cache`;
    return hashTree(join(existsSync(seen) ? seen : cache, 'revs', sha));
  }

  /** Processes of a host besides its server: sessions, agents, what these started. */
  processesOf(name: string): string[] {
    const host = this.host(name);
    const home = dirname(host.log);
    const table = readProcesses();
    const server = host.sshdPid;
    const found = new Set(findHostProcesses(table, { root: home, netns: host.netns }).map(({ pid }) => pid));
    for (const { pid, commandLine } of table.values()) {
      if (commandLine.includes(`${home}/`) || environmentOf(pid).includes(`${home}/`)) found.add(pid);
    }
    return [...found].flatMap((pid) => (pid === server ? [] : [`${pid} ${table.get(pid)?.commandLine}`]));
  }

  /** Stops the servers of a host's sessions as they are: connections stay open, agents run, and nothing goes through. */
  freezeSessions(name: string): void {
    const host = this.host(name);
    const server = host.sshdPid;
    const found = findHostProcesses(readProcesses(), { root: dirname(host.log), netns: host.netns });
    const sessions = found.filter(({ pid, program }) => program.startsWith('sshd') && pid !== server);
    if (sessions.length === 0) throw new Error(`${name} has no session`);
    for (const { pid } of sessions) process.kill(pid, 'SIGSTOP');
  }

  /** Waits until nothing of scap runs on any host. */
  async settle(timeoutMs = 15_000): Promise<void> {
    const left = () => this.names.flatMap((name) => this.processesOf(name).map((line) => `${name}: ${line}`));
    await eventually(() => left().length === 0, timeoutMs).catch(() => {
      throw new Error(`still there after ${timeoutMs} ms:\n${left().join('\n')}`);
    });
  }

  #home(name: string): string {
    return join(dirname(this.host(name).log), 'home');
  }

  #writeConfig(): void {
    const { fleet } = this;
    const places =
      fleet.mode === 'plain'
        ? `cache: "${fleet.directory}/hosts/{name}/cache", live: "${fleet.directory}/hosts/{name}/live"`
        : 'cache: /srv/mediawiki-cache, live: /srv/mediawiki';
    const keys = readFileSync(`${fleet.directory}/known_hosts`, 'utf8').trimEnd().split('\n');
    const hosts = fleet.hosts.map(({ name, address, port }, at) => {
      const detour = this.#detours.get(name);
      if (detour === undefined) return `  ${name}: {address: ${address}, port: ${port}}`;
      keys.push(`[127.0.0.1]:${detour} ${keys[at]?.split(' ').slice(1).join(' ')}`);
      return `  ${name}: {address: 127.0.0.1, port: ${detour}}`;
    });
    writeFileSync(join(this.dir, 'known_hosts'), `${keys.join('\n')}\n`);
    const user = fleet.hosts[0]?.user;
    const lines = [
      'staging: ./staging',
      'state: ./state',
      'maxShrink: 100%',
      `target: {transport: ssh, user: "${user}", ${this.#target}, ${places}}`,
      `ssh: {identityFile: "${fleet.directory}/id_ed25519", knownHosts: ./known_hosts, configFile: none, node: "${this.dir}/node"${this.#options.ssh ? `, ${this.#options.ssh}` : ''}}`,
      'hosts:',
      ...hosts,
      ...this.#options.config,
    ];
    writeFileSync(join(this.dir, 'scap.yaml'), `${lines.join('\n')}\n`);
  }
}

/** How a run ended for a host, as its events say. */
export function finishOf({ events, story }: Run, name: string): { state: HostState; code: string | undefined } {
  for (const event of events)
    if (event.type === 'host.finished' && event.host === name) return { state: event.state, code: event.error?.code };
  throw new Error(`nothing is said of ${name}\n${story}`);
}

function parseEvents(stdout: string): ScapEvent[] {
  return stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as ScapEvent] : []));
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

function run([program = '', ...args]: readonly string[]): string {
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env });
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(' ')}: ${status}\n${stdout}${stderr}`);
}
