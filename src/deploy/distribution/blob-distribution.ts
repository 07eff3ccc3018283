/**
 * One blob on its way to all targets that want it. What is to be done is decided by `fanout`, which is pure; here it is done, and what came of it
 * is told.
 *
 * Bytes from the deploy host go over the control connections. Every other copy is between two targets: the source makes a ticket, which the
 * deploy host carries to the child, and the child takes the blob with it, while the source may still be receiving itself.
 */
import { ScapError, toScapError } from '../../core/errors.ts';
import type { HostName } from '../../core/host-name.ts';
import type { RateLimit } from '../../target/relay/rate-limit.ts';
import type { ReadyBundle } from '../bundle-store.ts';
import { chooseDegree } from '../fanout/degree.ts';
import { deployHost, type Fanout, joinFanout, type Source, startFanout, type Wanting } from '../fanout/fanout.ts';
import { applyReports, applyStep, type FanoutReport } from '../fanout/reports.ts';
import { type Assignment, planStep } from '../fanout/schedule.ts';
import { type Listening, openBlob } from '../relay-client.ts';
import { copyBlob } from './copy-blob.ts';
import { createRateMeter } from './rate-meter.ts';
import type { Arrival, DistributorOptions, Receiver } from './receiver.ts';

/** For those who come at the same time to be planned together: who is first would else be first everywhere. */
const gatherMs = 50;
/** Reports are taken in together. */
const settleMs = 5;
/** How often slow copies are looked for. */
const reviewMs = 1000;

/** A copy is slow below this share of what its target could expect elsewhere. */
const slowFraction = 0.25;
const attempts = 3;
/** What a relay takes in before it passes it on. */
const relayedPieceBytes = 256 * 1024;

interface Member extends Receiver {
  readonly arrived: (tier: number) => void;
  readonly failed: (error: unknown) => void;
  readonly bytesFrom: Map<Source, number>;
  isSettled: boolean;
  /** How much it has, as far as it said. */
  offset: number;
  copy: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;
  lastError: ScapError | undefined;
}

export interface BlobDistributionOptions extends DistributorOptions {
  /** Of what the deploy host sends, all blobs together. */
  readonly limit: RateLimit;
}

export class BlobDistribution {
  readonly #bundle: ReadyBundle;
  readonly #options: BlobDistributionOptions;
  readonly #listening: Listening;
  readonly #members = new Map<HostName, Member>();
  readonly #tiers = new Map<Source, number>([[deployHost, 0]]);
  #joining: Wanting[] = [];
  #reports: FanoutReport[] = [];
  #fanout: Fanout | undefined;
  #next: { readonly timer: NodeJS.Timeout; readonly at: number } | undefined;
  #startedAt = performance.now();

  constructor(bundle: ReadyBundle, options: BlobDistributionOptions) {
    this.#bundle = bundle;
    this.#options = options;
    const { ports, bytesPerSecond } = options.fanout;
    this.#listening = { ports, bytesPerSecond };
    options.signal.addEventListener('abort', () => this.#interrupt(), { once: true });
  }

  /** See {@link Distributor.bring}. */
  async bring(receiver: Receiver): Promise<Arrival> {
    const { timeoutMs, signal } = this.#options;
    const { connection, host } = receiver;
    const held = await openBlob(connection, this.#bundle, this.#listening, { timeoutMs, signal });
    const bytesFrom = new Map<Source, number>();
    const tier = await new Promise<number>((arrived, failed) => {
      this.#members.set(host.name, {
        ...receiver,
        arrived,
        failed,
        bytesFrom,
        isSettled: false,
        offset: held.availableBytes,
        copy: undefined,
        lastError: undefined,
      });
      const { site, rack } = host.labels;
      this.#joining.push({ name: host.name, site, rack, offset: held.availableBytes, whole: held.whole });
      if (signal.aborted) this.#interrupt();
      this.#wake(this.#fanout === undefined ? gatherMs : settleMs);
    });
    const others = [...bytesFrom].filter((entry): entry is [HostName, number] => entry[0] !== deployHost);
    const sentBytes = bytesFrom.get(deployHost) ?? 0;
    return { relayed: true, tier, sentBytes, resumedBytes: held.availableBytes, bytesFrom: new Map(others) };
  }

  #report(report: FanoutReport): void {
    this.#reports.push(report);
    this.#wake(settleMs);
  }

  /** Takes a step so soon, or sooner. */
  #wake(delayMs: number): void {
    const at = performance.now() + delayMs;
    if (this.#next !== undefined && this.#next.at <= at) return;
    clearTimeout(this.#next?.timer);
    this.#next = { timer: setTimeout(() => this.#step(), delayMs), at };
  }

  #step(): void {
    this.#next = undefined;
    const joining = this.#joining.splice(0);
    const known = this.#fanout === undefined ? this.#start(joining) : joinFanout(this.#fanout, joining);
    this.#fanout = applyReports(known, this.#reports.splice(0));
    for (const { name, whole } of joining) if (whole) this.#settle(name, 1);
    const step = planStep(this.#fanout);
    this.#fanout = applyStep(this.#fanout, step);
    for (const name of step.giveUp) this.#giveUp(name);
    for (const { to } of step.drop) this.#members.get(to)?.copy?.stop.abort();
    for (const assignment of step.assign) this.#begin(assignment);
    if ([...this.#members.values()].some(({ isSettled }) => !isSettled)) this.#wake(reviewMs);
  }

  #start(hosts: readonly Wanting[]): Fanout {
    const { degree, thresholdBytes } = this.#options.fanout;
    const { sha256, sizeBytes } = this.#bundle;
    const facts = { sizeBytes, hosts: hosts.length, chunkBytes: relayedPieceBytes, most: degree };
    const rules = { mode: 'pipelined', degree: chooseDegree(facts), thresholdBytes, attempts, slowFraction } as const;
    const deployHostPlace = { site: undefined, rack: undefined };
    return startFanout({ blob: { sha256, sizeBytes }, rules, deployHostPlace, hosts });
  }

  #begin({ to, from }: Assignment): void {
    const member = this.#members.get(to);
    if (member === undefined || member.isSettled) return;
    const before = member.copy?.ended ?? Promise.resolve();
    const stop = new AbortController();
    // A target takes a blob from one source at a time.
    const ended = before.then(() => (stop.signal.aborted ? undefined : this.#copy(member, from, stop.signal)));
    member.copy = { stop, ended };
  }

  /** Never throws. */
  async #copy(member: Member, from: Source, signal: AbortSignal): Promise<void> {
    const { name } = member.host;
    const meter = createRateMeter();
    const onProgress = (availableBytes: number) => {
      const grown = availableBytes - member.offset;
      if (grown <= 0) return;
      member.offset = availableBytes;
      member.bytesFrom.set(from, (member.bytesFrom.get(from) ?? 0) + grown);
      const rate = meter.note(availableBytes, performance.now());
      const total = this.#bundle.sizeBytes;
      member.notify({ kind: 'progress', step: 'receive', unit: 'bytes', done: availableBytes, total });
      this.#reports.push({ type: 'received', host: name, offset: availableBytes, ...(rate !== undefined && { rate }) });
    };
    try {
      const source = from === deployHost ? undefined : this.#members.get(from);
      const { timeoutMs, limit } = this.#options;
      const about = { bundle: this.#bundle, child: member, source, listening: this.#listening };
      await copyBlob({ ...about, timeoutMs, limit, signal, onProgress });
      onProgress(this.#bundle.sizeBytes);
      this.#settle(name, (this.#tiers.get(from) ?? 0) + 1);
      this.#report({ type: 'whole', host: name });
    } catch (thrown) {
      const error = toScapError(thrown);
      if (error === undefined) this.#lose(member, thrown);
      else this.#explain(member, from, error, signal.aborted);
    }
  }

  #explain(member: Member, from: Source, error: ScapError, wasStopped: boolean): void {
    const host = member.host.name;
    const isLost = !member.connection.usable;
    if (wasStopped && !isLost) return;
    member.lastError = error;
    if (isLost || !isOfCopy(error, from)) this.#lose(member, error);
    else if (error.code === 'blob_damaged') {
      member.offset = 0;
      this.#report({ type: 'corrupt', host });
    } else this.#report({ type: 'broken', host, from });
    const source = from === deployHost ? undefined : this.#members.get(from);
    if (source !== undefined && !source.connection.usable) this.#report({ type: 'gone', host: source.host.name });
  }

  #settle(name: HostName, tier: number): void {
    const member = this.#members.get(name);
    if (member === undefined || member.isSettled) return;
    member.isSettled = true;
    this.#tiers.set(name, tier);
    member.arrived(tier);
    this.#announce();
  }

  #giveUp(name: HostName): void {
    const member = this.#members.get(name);
    if (member?.lastError !== undefined) this.#fail(member, member.lastError);
  }

  #lose(member: Member, error: unknown): void {
    this.#report({ type: 'gone', host: member.host.name });
    this.#fail(member, error);
  }

  #fail(member: Member, error: unknown): void {
    if (member.isSettled) return;
    member.isSettled = true;
    member.failed(error);
    this.#announce();
  }

  /** Tells what it took, when everybody has the blob or will not get it. */
  #announce(): void {
    const members = [...this.#members.values()];
    if (members.some(({ isSettled }) => !isSettled)) return;
    const arrived = members.filter(({ host }) => this.#tiers.has(host.name));
    const tiers: { hosts: number; bytes: number }[] = [];
    for (const { host, bytesFrom } of arrived) {
      const at = (this.#tiers.get(host.name) ?? 1) - 1;
      for (let tier = tiers.length; tier <= at; tier++) tiers.push({ hosts: 0, bytes: 0 });
      const tier = tiers[at] as { hosts: number; bytes: number };
      tier.hosts += 1;
      for (const bytes of bytesFrom.values()) tier.bytes += bytes;
    }
    this.#options.bus.emit('bundle.distributed', {
      sha256: this.#bundle.sha256,
      bytes: this.#bundle.sizeBytes,
      hosts: arrived.length,
      failed: members.length - arrived.length,
      sentBytes: members.reduce((sum, { bytesFrom }) => sum + (bytesFrom.get(deployHost) ?? 0), 0),
      tiers,
      losses: this.#fanout?.losses ?? 0,
      durationMs: Math.round(performance.now() - this.#startedAt),
    });
  }

  #interrupt(): void {
    const error = new ScapError('interrupted', 'Stopped bringing the revision to the targets, on request');
    for (const member of this.#members.values()) {
      member.copy?.stop.abort();
      void (member.copy?.ended ?? Promise.resolve()).then(() => this.#fail(member, error));
    }
  }
}

/** Whether another copy may succeed where this one did not. */
function isOfCopy({ code }: ScapError, from: Source): boolean {
  if (['source_lost', 'source_refused', 'relay_unavailable', 'blob_damaged'].includes(code)) return true;
  return code === 'protocol_violation' && from !== deployHost;
}
