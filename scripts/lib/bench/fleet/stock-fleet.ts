import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fleet, FleetHost } from '../../fleet/fleet.mjs';
import { measureProgram } from './measure-program.ts';
import { type Change, type ServedPlace, servedSkewMs } from './served-change.ts';

const script = join(import.meta.dirname, 'stock-over-ssh.sh');

/** What one push by a stock tool to all hosts took. */
export interface StockPush {
  readonly seconds: number;
  /** Processor seconds of this side: the script, rsync and the SSH clients. */
  readonly cpuSeconds: number;
  /** Between the first host that served the change and the last; `undefined` when no changed file is known. */
  readonly skewMs: number | undefined;
}

export interface StockFleetOptions {
  readonly fleet: Fleet;
  readonly staging: string;
  /** An existing directory for small files. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

interface Call {
  readonly tool: string;
  /** Hosts at once. */
  readonly limit: number;
  /** Of the new directory and the last one. */
  readonly names: readonly string[];
  readonly change: Change | undefined;
}

/** Hosts at once for rsync in place. With --link-dest all are served at once, since they switch together. */
const starLimit = 30;

/** The stock tools' side of a fleet: next to scap's, each host has a directory for each tool, served by `live` in it. */
export class StockFleet {
  readonly #options: StockFleetOptions;
  #linked = 0;

  constructor(options: StockFleetOptions) {
    this.#options = options;
    for (const tool of ['in-place', 'link-dest']) {
      for (const host of options.fleet.hosts) mkdirSync(toolDirectory(host, tool));
      writeFileSync(this.#hostsFile(tool), formatHosts(options.fleet.hosts, tool));
    }
  }

  /** rsync over what is served; a change is checked to have arrived. */
  inPlace(change?: Change): Promise<StockPush> {
    return this.#measure({ tool: 'in-place', limit: starLimit, names: [], change }, (file) => file);
  }

  /** rsync into a new directory next to the last one, then a rename on every host. */
  linkDest(change?: Change): Promise<StockPush> {
    this.#linked++;
    const names = this.#linked === 1 ? ['r1'] : [`r${this.#linked}`, `r${this.#linked - 1}`];
    const limit = this.#options.fleet.hosts.length;
    return this.#measure({ tool: 'link-dest', limit, names, change }, (_, live) => live);
  }

  async #measure(
    { tool, limit, names, change }: Call,
    switched: (file: string, live: string) => string,
  ): Promise<StockPush> {
    const { fleet, staging, signal } = this.#options;
    const argv = [script, tool, String(limit), this.#hostsFile(tool), staging, ...names] as const;
    const { seconds, cpuSeconds } = await measureProgram(argv, { signal });
    if (change === undefined) return { seconds, cpuSeconds, skewMs: undefined };
    const places = fleet.hosts.map((host): ServedPlace => {
      const live = join(toolDirectory(host, tool), 'live');
      const file = join(live, change.path);
      return { file, switched: switched(file, live) };
    });
    return { seconds, cpuSeconds, skewMs: servedSkewMs(places, change) };
  }

  #hostsFile(tool: string): string {
    return join(this.#options.directory, `${tool}.hosts`);
  }
}

/** Hosts share this machine's files, so a path is the same there and here. */
function toolDirectory(host: FleetHost, tool: string): string {
  return join(host.root, `stock-${tool}`);
}

function formatHosts(hosts: readonly FleetHost[], tool: string): string {
  const client = hosts[0]?.sshArgv.slice(0, -1).join(' ') ?? '';
  return `${[client, ...hosts.map((host) => `${host.sshArgv.at(-1)} ${toolDirectory(host, tool)}`)].join('\n')}\n`;
}
