/**
 * A network in which the scheduler can be watched: a blob on its way from a deploy host to many targets, in ticks. Links are full duplex;
 * a source shares its uplink fairly among its copies (what one cannot take goes to the others) and passes on whole chunks only, one
 * latency after it has them. It stands here and not in src because nothing that scap does needs it: only tests and people who weigh rules.
 */
import type { HostName } from '../../../src/core/host-name.ts';
import {
  deployHost,
  type Fanout,
  type FanoutHost,
  type FanoutRules,
  isSettled,
  type Place,
  startFanout,
} from '../../../src/deploy/fanout/fanout.ts';
import { applyReports, applyStep, type FanoutReport } from '../../../src/deploy/fanout/reports.ts';
import { type FanoutStep, planStep } from '../../../src/deploy/fanout/schedule.ts';
import { Network, type NetworkOptions } from './network.ts';

export interface SimulationOptions extends NetworkOptions {
  readonly rules: FanoutRules;
  readonly deployHostPlace?: Place;
  /** Default: what a chunk takes over `linkRate`. All times are whole ticks. */
  readonly tickSeconds?: number;
  readonly faults?: readonly Fault[];
  /** How long it takes until the deploy host knows of a death or a broken copy. Default: 1. */
  readonly detectSeconds?: number;
  /** How often rates are measured, and a step is planned in any case. Default: 1. */
  readonly measureSeconds?: number;
  /** Called after each step that was taken. */
  readonly onStep?: (fanout: Fanout, step: FanoutStep, seconds: number) => void;
  /** A run that takes longer is a bug. Default: 100,000. */
  readonly maxSeconds?: number;
}

/** What goes wrong with a host, once, at a time. */
export type Fault = { readonly atSeconds: number; readonly host: HostName } & (
  | { readonly kind: 'dies' }
  /** From now on its link has this rate, both ways. */
  | { readonly kind: 'slows'; readonly rate: number }
  /** The copy it is receiving breaks. */
  | { readonly kind: 'breaks' }
  /** What it is receiving turns out to be corrupt. */
  | { readonly kind: 'corrupts' }
);

export interface HostResult {
  /** `undefined` when it never was whole. */
  readonly finishedAt: number | undefined;
  readonly loss: 'gone' | 'given-up' | undefined;
  readonly receivedBytes: number;
  /** Copies between it and the deploy host, itself included, at its last assignment; 0 when it had none. */
  readonly tier: number;
}

export interface Simulation {
  /** When the last target was whole. */
  readonly seconds: number;
  readonly hosts: ReadonlyMap<HostName, HostResult>;
  /** What the deploy host put on the wire. */
  readonly egressBytes: number;
  /** By tier, the deploy host's own copies under 1. */
  readonly bytesByTier: readonly number[];
  readonly steps: number;
  readonly fanout: Fanout;
}

/** Runs until every target has ended. Throws when the scheduler lets a target wait for nothing. */
export function simulate(options: SimulationOptions): Simulation {
  const run = new Run(options);
  while (!isSettled(run.fanout)) run.tick();
  return run.result();
}

/** Where a copy was when rates were last measured. */
interface Mark {
  readonly copy: number;
  readonly offset: number;
}

class Run {
  fanout: Fanout;
  readonly #options: SimulationOptions;
  readonly #network: Network;
  readonly #tickSeconds: number;
  readonly #measureSeconds: number;
  readonly #faults: Fault[];
  readonly #late: { readonly atSeconds: number; readonly report: FanoutReport }[] = [];
  readonly #finishedAt = new Map<HostName, number>();
  readonly #marks = new Map<HostName, Mark>();
  #ticks = 0;
  #steps = 0;
  #measureAt: number;

  constructor(options: SimulationOptions) {
    const { deployHostPlace = { site: undefined, rack: undefined }, hosts, rules, sizeBytes } = options;
    this.#options = options;
    this.#tickSeconds = options.tickSeconds ?? options.chunkBytes / options.linkRate;
    this.#network = new Network(options, this.#tickSeconds);
    this.#faults = [...(options.faults ?? [])].sort((a, b) => a.atSeconds - b.atSeconds);
    this.#measureSeconds = options.measureSeconds ?? 1;
    this.#measureAt = this.#measureSeconds;
    this.fanout = startFanout({ blob: { sha256: '0'.repeat(64), sizeBytes }, rules, deployHostPlace, hosts });
    this.#plan();
  }

  get #seconds(): number {
    return this.#ticks * this.#tickSeconds;
  }

  tick(): void {
    this.#ticks += 1;
    if (this.#seconds > (this.#options.maxSeconds ?? 100_000)) throw new Error('The simulation does not end');
    this.#strike();
    const finished = this.#network.tick();
    const reports: FanoutReport[] = [
      ...finished.map((host) => ({ type: 'whole', host }) as const),
      ...this.#dueReports(),
    ];
    for (const host of finished) this.#end(host);
    const isMeasured = this.#seconds >= this.#measureAt;
    if (isMeasured) this.#measureAt += this.#measureSeconds;
    if (reports.length === 0 && !isMeasured) return;
    // What has arrived goes first: the copies that end now have brought it.
    this.fanout = applyReports(this.fanout, [...this.#progress(isMeasured), ...reports]);
    const isWaiting = [...this.fanout.hosts.values()].some(({ status }) => status === 'waiting');
    if (isWaiting || isMeasured || reports.some(({ type }) => type === 'gone')) this.#plan();
  }

  #end(host: HostName): void {
    this.#network.disconnect(host);
    this.#finishedAt.set(host, this.#seconds);
  }

  result(): Simulation {
    const hosts = [...this.fanout.hosts.values()].map(({ name, loss }): [HostName, HostResult] => [
      name,
      {
        finishedAt: this.#finishedAt.get(name),
        loss,
        receivedBytes: this.#network.machine(name).received,
        tier: this.#network.machine(name).tier,
      },
    ]);
    return {
      seconds: Math.max(0, ...this.#finishedAt.values()),
      hosts: new Map(hosts),
      egressBytes: this.#network.machine(deployHost).sent,
      bytesByTier: this.#network.bytesByTier,
      steps: this.#steps,
      fanout: this.fanout,
    };
  }

  #plan(): void {
    const step = planStep(this.fanout);
    this.fanout = applyStep(this.fanout, step);
    this.#steps += 1;
    for (const host of [...step.giveUp, ...step.drop.map(({ to }) => to)]) this.#network.disconnect(host);
    for (const { to, from, offset } of step.assign) {
      if (this.#network.machine(to).offset < offset)
        throw new Error(`${to} is sent bytes after ${offset}, which it lacks`);
      this.#network.connect(to, from, this.#network.machine(from).tier + 1);
    }
    this.#options.onStep?.(this.fanout, step, this.#seconds);
    this.#mustGoOn();
  }

  #strike(): void {
    const { detectSeconds = 1 } = this.#options;
    while ((this.#faults[0]?.atSeconds ?? Number.POSITIVE_INFINITY) <= this.#seconds) {
      const fault = this.#faults.shift() as Fault;
      const { host } = fault;
      const { source, isDead, offset } = this.#network.machine(host);
      const isReceiving = source !== undefined && !isDead && offset < this.#options.sizeBytes;
      const knownAt = this.#seconds + detectSeconds;
      if (fault.kind === 'dies') {
        this.#network.kill(host);
        this.#late.push({ atSeconds: knownAt, report: { type: 'gone', host } });
      } else if (fault.kind === 'slows') {
        this.#network.slow(host, fault.rate);
      } else if (isReceiving && fault.kind === 'breaks') {
        this.#network.block(host);
        this.#late.push({ atSeconds: knownAt, report: { type: 'broken', host, from: source.name } });
      } else if (isReceiving && fault.kind === 'corrupts') {
        this.#network.empty(host);
        this.#late.push({ atSeconds: this.#seconds, report: { type: 'corrupt', host } });
      }
    }
  }

  #dueReports(): readonly FanoutReport[] {
    const due = this.#late.filter(({ atSeconds }) => atSeconds <= this.#seconds);
    for (const item of due) this.#late.splice(this.#late.indexOf(item), 1);
    return due.map(({ report }) => report);
  }

  /** What every target that answers would say it holds; with its rate when rates are measured. */
  #progress(isMeasured: boolean): readonly FanoutReport[] {
    const reports: FanoutReport[] = [];
    for (const { name: host, status } of this.fanout.hosts.values()) {
      const { isDead, offset } = this.#network.machine(host);
      if (isDead || status !== 'receiving') continue;
      const rate = isMeasured ? this.#measure(host) : undefined;
      reports.push({ type: 'received', host, offset, ...(rate !== undefined && { rate }) });
    }
    return reports;
  }

  /** The rate of a copy over the last span, if its first bytes had arrived when the span began. */
  #measure(host: HostName): number | undefined {
    const { copy, copyStart, offset } = this.#network.machine(host);
    const mark = this.#marks.get(host);
    if (offset > copyStart) this.#marks.set(host, { copy, offset });
    return mark?.copy === copy ? (offset - mark.offset) / this.#measureSeconds : undefined;
  }

  #mustGoOn(): void {
    const hosts = [...this.fanout.hosts.values()];
    const waiting = hosts.filter(({ status }) => status === 'waiting').length;
    const isFed = ({ from }: FanoutHost) => from === deployHost || this.#isWhole(from);
    if (waiting > 0 && !hosts.some(isFed)) throw new Error(`${waiting} targets wait and nobody is sent anything`);
  }

  #isWhole(name: HostName | undefined): boolean {
    return name !== undefined && this.fanout.hosts.get(name)?.status === 'whole';
  }
}
