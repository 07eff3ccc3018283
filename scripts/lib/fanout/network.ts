/** Links and copies of a simulated fleet: moves bytes for one tick at a time, and knows nothing of who decides what is copied. */
import type { HostName } from '../../../src/core/host-name.ts';
import { deployHost, type Source, type Wanting } from '../../../src/deploy/fanout/fanout.ts';

export interface NetworkOptions {
  readonly hosts: readonly Wanting[];
  readonly sizeBytes: number;
  /** Bytes per second, each way. */
  readonly uplink: number;
  readonly linkRate: number;
  readonly linkRates?: ReadonlyMap<HostName, number>;
  readonly chunkBytes: number;
  readonly latencySeconds?: number;
}

export interface Machine {
  readonly name: Source;
  readonly copies: Set<Machine>;
  /** What it held at the end of the last ticks, newest first: what others can know of, one latency later. */
  readonly past: number[];
  rate: number;
  offset: number;
  source: Machine | undefined;
  /** Grows with every copy to it. */
  copy: number;
  copyStart: number;
  tier: number;
  isDead: boolean;
  isBlocked: boolean;
  arriving: number;
  received: number;
  sent: number;
}

export class Network {
  readonly bytesByTier: number[] = [0];
  readonly #options: NetworkOptions;
  readonly #tickSeconds: number;
  readonly #machines: readonly Machine[];
  readonly #byName: ReadonlyMap<Source, Machine>;

  constructor(options: NetworkOptions, tickSeconds: number) {
    const { hosts, sizeBytes, uplink, linkRate, linkRates, latencySeconds = 0 } = options;
    this.#options = options;
    this.#tickSeconds = tickSeconds;
    const delay = Math.round(latencySeconds / tickSeconds);
    const create = (name: Source, rate: number, offset: number): Machine => ({
      name,
      copies: new Set(),
      past: Array.from({ length: delay + 1 }, () => offset),
      rate,
      offset,
      source: undefined,
      copy: 0,
      copyStart: 0,
      tier: 0,
      isDead: false,
      isBlocked: false,
      arriving: 0,
      received: 0,
      sent: 0,
    });
    this.#machines = [
      create(deployHost, uplink, sizeBytes),
      ...hosts.map(({ name, offset = 0, whole = false }) =>
        create(name, linkRates?.get(name) ?? linkRate, whole ? sizeBytes : offset),
      ),
    ];
    this.#byName = new Map(this.#machines.map((machine) => [machine.name, machine]));
  }

  connect(to: HostName, from: Source, tier: number): void {
    this.disconnect(to);
    const machine = this.machine(to);
    machine.source = this.machine(from);
    machine.source.copies.add(machine);
    machine.copy += 1;
    machine.copyStart = machine.offset;
    machine.tier = tier;
    machine.isBlocked = false;
  }

  disconnect(to: HostName): void {
    const machine = this.machine(to);
    machine.source?.copies.delete(machine);
    machine.source = undefined;
  }

  kill(host: HostName): void {
    this.machine(host).isDead = true;
  }

  slow(host: HostName, rate: number): void {
    this.machine(host).rate = rate;
  }

  /** Lets nothing more arrive of the copy that runs. */
  block(host: HostName): void {
    this.machine(host).isBlocked = true;
  }

  /** Throws away what a host has received. */
  empty(host: HostName): void {
    const machine = this.machine(host);
    machine.offset = 0;
    machine.past.fill(0);
  }

  machine(name: Source): Machine {
    const machine = this.#byName.get(name);
    if (machine === undefined) throw new Error(`There is no ${name}`);
    return machine;
  }

  /** Moves what fits into one tick. Returns who has all bytes now and had not before. */
  tick(): readonly HostName[] {
    for (const source of this.#machines) if (source.copies.size > 0 && !source.isDead) this.#send(source);
    const finished: HostName[] = [];
    for (const machine of this.#machines) {
      if (machine.arriving > 0) this.#arrive(machine, finished);
      machine.past.pop();
      machine.past.unshift(machine.offset);
    }
    return finished;
  }

  /** Shares one tick of the uplink fairly: equal parts, and what one copy cannot take goes to the others. */
  #send(source: Machine): void {
    const ready = this.#readyBytes(source);
    const wants = [...source.copies]
      .map((to) => ({ to, bytes: Math.min(to.rate * this.#tickSeconds, ready - to.offset) }))
      .filter(({ to, bytes }) => bytes > 0 && !to.isDead && !to.isBlocked)
      .sort((a, b) => a.bytes - b.bytes);
    let left = source.rate * this.#tickSeconds;
    for (const [at, { to, bytes }] of wants.entries()) {
      const granted = Math.min(bytes, left / (wants.length - at));
      left -= granted;
      to.arriving = granted;
      source.sent += granted;
    }
  }

  /** How much of what a source holds it can pass on. The little that is added is for sums of fractions that are a whole chunk. */
  #readyBytes({ past, offset }: Machine): number {
    const { sizeBytes, chunkBytes } = this.#options;
    const known = Math.min(past.at(-1) ?? 0, offset);
    return known >= sizeBytes ? sizeBytes : Math.floor(known / chunkBytes + 1e-6) * chunkBytes;
  }

  #arrive(machine: Machine, finished: HostName[]): void {
    const { sizeBytes } = this.#options;
    this.bytesByTier[machine.tier] = (this.bytesByTier[machine.tier] ?? 0) + machine.arriving;
    machine.received += machine.arriving;
    machine.offset += machine.arriving;
    machine.arriving = 0;
    if (sizeBytes - machine.offset > 1e-3) return;
    machine.offset = sizeBytes;
    if (machine.name !== deployHost) finished.push(machine.name);
  }
}
