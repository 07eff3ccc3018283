// A small deploy host whose targets are real SSH hosts on loopback addresses.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Fleet, type FleetHost, startFleet } from '../../../scripts/lib/fleet/fleet.mjs';
import { findHostProcesses, findServer, readProcesses } from '../../../scripts/lib/fleet/process-table.mjs';
import { eventually, type Fault, listProcesses, makeDirectory, Site } from './site.ts';

export interface SshSiteOptions {
  readonly keepRevisions?: number;
  /** Lines of `groups:`; default: a canary, then the rest in batches of three. */
  readonly groups?: readonly string[];
  /** More lines of the configuration. */
  readonly config?: readonly string[];
}

const stock = [
  '  - {name: canary, hosts: [mw1], failureBudget: 0}',
  '  - {name: rest, hosts: ["*"], batch: 3, failureBudget: 1}',
];

/** The stages of a push to eight hosts, and how many tasks each has. */
export const stages = [
  { stage: 'fetch', tasks: 8 },
  { stage: 'config', tasks: 8 },
  { stage: 'promote:canary', tasks: 1 },
  { stage: 'promote:rest 1/3', tasks: 3 },
  { stage: 'promote:rest 2/3', tasks: 3 },
  { stage: 'promote:rest 3/3', tasks: 1 },
  { stage: 'record', tasks: 1 },
  { stage: 'finalize', tasks: 8 },
] as const;

/** Each event is written to the run's log as it happens: there the deploy host's process meets its fault, not a moment later. */
export function afterEvent(type: string, stage: string, nth = 1): Fault {
  const match = `"type":"${type}".*"stage":"${stage}"`;
  return { role: 'deploy', op: 'writeSync', when: 'after', match, nth };
}

/** Starts a fleet; the caller stops it. */
export async function startHosts(hosts: number): Promise<Fleet> {
  return startFleet({ directory: join(makeDirectory(), 'fleet'), hosts, mode: 'plain' });
}

/** Several may share a fleet: each is a deploy host of its own. */
export class SshSite extends Site {
  readonly fleet: Fleet;

  constructor(fleet: Fleet, { keepRevisions = 2, groups = stock, config = [] }: SshSiteOptions = {}) {
    const paths = Object.fromEntries(fleet.hosts.map(({ name, cache, live }) => [name, { cache, live }]));
    super({ hosts: Object.keys(paths), paths });
    this.fleet = fleet;
    const { directory } = fleet;
    const lines = [
      'staging: ./staging',
      `state: ${this.state}`,
      'maxShrink: 100%',
      `target: {transport: ssh, user: ${fleet.hosts[0]?.user}, keepRevisions: ${keepRevisions}, graceTime: 0s}`,
      `ssh: {identityFile: ${directory}/id_ed25519, knownHosts: ${directory}/known_hosts, configFile: none}`,
      'hosts:',
      ...fleet.hosts.map(
        ({ name, address, port, cache, live }) =>
          `  ${name}: {address: ${address}, port: ${port}, cache: ${cache}, live: ${live}}`,
      ),
      ...config,
      'groups:',
      ...groups,
    ];
    writeFileSync(join(this.dir, 'scap.yaml'), `${lines.join('\n')}\n`);
  }

  host(name: string): FleetHost {
    const host = this.fleet.hosts.find((candidate) => candidate.name === name);
    if (host === undefined) throw new Error(`there is no host ${name}`);
    return host;
  }

  /** All that runs on the hosts but their servers, sessions too; and what the deploy host has started. */
  override processes(): number[] {
    return [...this.hosts.flatMap((name) => this.processesOn(name)), ...listProcesses(this.dir)];
  }

  /** All that runs on a host but its server. */
  processesOn(name: string): number[] {
    const marks = { root: this.host(name).root, netns: undefined };
    const table = readProcesses();
    const server = findServer(table, marks);
    return findHostProcesses(table, marks).flatMap(({ pid }) => (pid === server ? [] : [pid]));
  }

  /** The agents on a host. What an agent has forked looks like one until it has become git. */
  agentsOn(name: string): number[] {
    const marks = { root: this.host(name).root, netns: undefined };
    const isAgent = (line: string) => line.includes(' serve --cache ') && !line.startsWith('/bin/sh');
    const agents = findHostProcesses(readProcesses(), marks).filter(
      ({ commandLine }) => isAgent(commandLine) && !commandLine.startsWith('sshd'),
    );
    const pids = new Set(agents.map(({ pid }) => pid));
    return agents.flatMap(({ pid, parent }) => (pids.has(parent) ? [] : [pid]));
  }

  /** The runs on record, oldest first. */
  records(): { readonly n: number; readonly outcome: string }[] {
    const lines = readFileSync(join(this.state, 'deploys.jsonl'), 'utf8').trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line));
  }

  override async settle(): Promise<void> {
    await eventually(() => this.processes().length === 0, 30_000);
  }
}
