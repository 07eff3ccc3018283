import { setMaxListeners } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { countTree } from '../../fixture/count-tree.ts';
import type { FleetHost } from '../../fleet/fleet.mjs';
import { ScriptFailure } from '../../program/async-script.ts';
import { type Argv, runProgram } from '../../program/run-program.ts';
import type { StockFleetOptions } from '../fleet/stock-fleet.ts';
import {
  beginCopies,
  deploySource,
  endCopy,
  planCopies,
  startTiers,
  type TierCopy,
  type TierState,
} from './plan-tiers.ts';
import { onHostArgv, RsyncSource } from './rsync-source.ts';

export interface RsyncTiersOptions extends StockFleetOptions {
  /** Copies at a time from the deploy host, and from every other source. */
  readonly copiesAtOnce: number;
}

/** As for one rsync per host, so that all do the same work. */
const flags = ['-a', '--delete-delay', '--delay-updates'] as const;

/**
 * Brings the staging tree to every host by rsync in tiers, store-and-forward: the deploy host pushes over SSH, and who has all of it
 * serves others from an rsync daemon that lives as long as it is wanted. Returns the seconds until every host had everything. Daemons
 * and clients are started here and not over SSH, which spares this tool the time that would take. Whatever happens, none is left.
 *
 * @throws ScriptFailure when a copy fails, or a host has other files afterwards
 */
export async function bringInTiers(options: RsyncTiersOptions): Promise<number> {
  const places = options.fleet.hosts.map((host) => ({ host, tree: treeOf(host) }));
  for (const { tree } of places) mkdirSync(tree, { recursive: true });
  const before = performance.now();
  await new TiersRun(options).run();
  const seconds = (performance.now() - before) / 1000;
  const wanted = countTree(options.staging);
  for (const { host, tree } of places) {
    const { files, bytes } = countTree(tree);
    if (files === wanted.files && bytes === wanted.bytes) continue;
    throw new ScriptFailure(
      `Cannot compare: ${host.name} has ${files} files of ${bytes} bytes instead of ${wanted.files} of ${wanted.bytes}`,
      'Report it: the bench is wrong',
    );
  }
  return seconds;
}

class TiersRun {
  readonly #options: RsyncTiersOptions;
  readonly #hosts: ReadonlyMap<string, FleetHost>;
  readonly #daemons = new Map<string, Promise<RsyncSource>>();
  readonly #ending: Promise<void>[] = [];
  readonly #running = new Map<TierCopy, Promise<TierCopy>>();
  /** Aborted by the first failure too: then nothing else is worth its time. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #state: TierState;

  constructor(options: RsyncTiersOptions) {
    const { hosts } = options.fleet;
    this.#options = options;
    this.#hosts = new Map(hosts.map((host) => [host.name, host]));
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
    // Every copy and every daemon listens to it.
    setMaxListeners(0, this.#signal);
    this.#state = startTiers(hosts.map(({ name }) => name));
  }

  async run(): Promise<void> {
    try {
      for (this.#begin(); this.#running.size > 0; this.#begin()) {
        const copy = await Promise.race(this.#running.values());
        this.#running.delete(copy);
        this.#state = endCopy(this.#state, copy);
      }
    } finally {
      this.#stop.abort();
      await Promise.allSettled(this.#running.values());
      for (const name of [...this.#daemons.keys()]) this.#end(name);
      await Promise.all(this.#ending);
    }
  }

  /** Begins what can begin, and ends the daemons that nobody is left for. */
  #begin(): void {
    const copies = planCopies(this.#state, this.#options.copiesAtOnce);
    this.#state = beginCopies(this.#state, copies);
    for (const copy of copies) this.#running.set(copy, this.#copy(copy));
    for (const name of [...this.#daemons.keys()]) if (this.#state.sources.get(name) === 0) this.#end(name);
  }

  async #copy(copy: TierCopy): Promise<TierCopy> {
    const child = this.#host(copy.to);
    if (copy.from === deploySource) await runProgram(this.#pushArgv(child), { signal: this.#signal });
    else await this.#pull(child, this.#host(copy.from));
    return copy;
  }

  async #pull(child: FleetHost, from: FleetHost): Promise<void> {
    const source = await this.#daemon(from);
    const passwordFile = join(child.root, 'stock-tiers', 'password');
    const { url, password } = source.admit(child.name);
    try {
      writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
      const argv: Argv = ['rsync', ...flags, `--password-file=${passwordFile}`, url, `${treeOf(child)}/`];
      await runProgram(onHostArgv(child, argv), { signal: this.#signal });
    } finally {
      source.revoke(child.name);
      rmSync(passwordFile, { force: true });
    }
  }

  #pushArgv(host: FleetHost): Argv {
    // rsync splits it at blanks itself; no word of it holds one.
    const client = host.sshArgv.slice(0, -1).join(' ');
    return ['rsync', ...flags, '-e', client, `${this.#options.staging}/`, `${host.sshArgv.at(-1)}:${treeOf(host)}/`];
  }

  #daemon(host: FleetHost): Promise<RsyncSource> {
    const known = this.#daemons.get(host.name);
    if (known !== undefined) return known;
    const directory = join(host.root, 'stock-tiers', 'daemon');
    const started = RsyncSource.start(host, { tree: treeOf(host), directory, signal: this.#signal });
    this.#daemons.set(host.name, started);
    return started;
  }

  #end(name: string): void {
    const daemon = this.#daemons.get(name);
    this.#daemons.delete(name);
    // One that did not start has told so through the copies that wanted it.
    this.#ending.push(
      Promise.resolve(daemon).then(
        (source) => source?.[Symbol.asyncDispose](),
        () => {},
      ),
    );
  }

  #host(name: string): FleetHost {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`There is no ${name}`);
    return host;
  }
}

/** Hosts share this machine's files, so a path is the same there and here. */
function treeOf({ root }: FleetHost): string {
  return join(root, 'stock-tiers', 'live');
}
