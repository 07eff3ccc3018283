// A small deploy host whose targets are real SSH hosts on loopback addresses.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Fleet, type FleetHost, startFleet } from '../../../scripts/lib/fleet/fleet.mjs';
import { findHostProcesses, findServer, readProcesses } from '../../../scripts/lib/fleet/process-table.mjs';
import { eventually, listProcesses, makeDirectory, Site } from './site.ts';

export interface SshSiteOptions {
  readonly keepRevisions?: number;
  /** Lines of `groups:`; default: a canary, then the rest in batches of three. */
  readonly groups?: readonly string[];
}

const stock = [
  '  - {name: canary, hosts: [mw1], failureBudget: 0}',
  '  - {name: rest, hosts: ["*"], batch: 3, failureBudget: 1}',
];

/** Starts a fleet; the caller stops it. */
export async function startHosts(hosts: number): Promise<Fleet> {
  return startFleet({ directory: join(makeDirectory(), 'fleet'), hosts, mode: 'plain' });
}

/** Several may share a fleet: each is a deploy host of its own. */
export class SshSite extends Site {
  readonly fleet: Fleet;

  constructor(fleet: Fleet, { keepRevisions = 2, groups = stock }: SshSiteOptions = {}) {
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

  /** The agents on a host. */
  agentsOn(name: string): number[] {
    const marks = { root: this.host(name).root, netns: undefined };
    const isAgent = (line: string) => line.includes(' serve --cache ') && !line.startsWith('/bin/sh');
    return findHostProcesses(readProcesses(), marks).flatMap(({ pid, commandLine }) =>
      isAgent(commandLine) && !commandLine.startsWith('sshd') ? [pid] : [],
    );
  }

  override async settle(): Promise<void> {
    await eventually(() => this.processes().length === 0, 30_000);
  }
}
