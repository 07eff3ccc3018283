/**
 * One blob on its way to all targets that want it. What is to be done is decided by `fanout`, which is pure; here it is done, and what came of it
 * is told.
 *
 * Bytes from the deploy host go over the control connections. Every other copy is between two targets: the source makes a ticket, which the
 * deploy host carries to the child, and the child takes the blob with it, while the source may still be receiving itself.
 */
import { ScapError, toErrorReport, toScapError } from '../../core/errors.ts';
import type { HostName } from '../../core/host-name.ts';
import type { BlobName } from '../../target/relay/blob-name.ts';
import type { RateLimit } from '../../target/relay/rate-limit.ts';
import { deployHost, type Fanout, joinFanout, type Source, type Wanting } from '../fanout/fanout.ts';
import { applyReports, applyStep, type FanoutReport } from '../fanout/reports.ts';
import { type Assignment, planStep } from '../fanout/schedule.ts';
import { openBlob } from '../relay-client.ts';
import { accountFor, arrivalOf, sourceName } from './account.ts';
import { beginFanout } from './begin-fanout.ts';
import { type CopySource, copyBlob, isOfCopy } from './copy-blob.ts';
import { Member } from './member.ts';
import type { Arrival, DistributorOptions, Receiver } from './receiver.ts';

export interface BlobDistributionOptions extends DistributorOptions {
  /** Of what the deploy host sends, all blobs together. */
  readonly limit: RateLimit;
}

/** Those who ask at the same time are planned together, so the first step waits until all have said what they hold, within limits. */
const gatherMs = { least: 50, most: 1000 };
/** Reports are taken in together; the more targets, the longer a step takes. */
const settleMs = (targets: number) => Math.max(5, targets / 50);
/** How often copies are looked at that are slow or stand still. */
const reviewMs = 1000;
/** Who comes within this time after everybody else has ended is told of with them. */
const quietMs = 300;
/** So soon a target has to answer when its copy is stopped; else it is given up. */
const answerMs = 10_000;

export class BlobDistribution implements Disposable {
  readonly #blob: BlobName;
  /** In the plan it is the deploy host, wherever it is. */
  readonly #origin: CopySource;
  readonly #originName: HostName | undefined;
  readonly #options: BlobDistributionOptions;
  readonly #members = new Map<HostName, Member>();
  readonly #untold = new Set<Member>();
  readonly #startedAt = performance.now();
  #asking = 0;
  #joining: Wanting[] = [];
  #reports: FanoutReport[] = [];
  #fanout: Fanout | undefined;
  #next: { readonly timer: NodeJS.Timeout; readonly at: number } | undefined;
  #reviewAt = 0;
  #toldLosses = 0;

  /** `origin` has all of the blob from the start. */
  constructor({ sha256, sizeBytes }: BlobName, origin: CopySource, options: BlobDistributionOptions) {
    this.#blob = { sha256, sizeBytes };
    this.#origin = origin;
    this.#originName = 'host' in origin ? origin.host.name : undefined;
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#interrupt(), { once: true });
  }

  /** See {@link Distributor.bring}. */
  async bring(receiver: Receiver): Promise<Arrival> {
    const member = await this.#join(receiver);
    await member.arrived;
    return arrivalOf(member, this.#members, this.#originName);
  }

  /** No more is asked of it. Tells what was not told yet. */
  [Symbol.dispose](): void {
    clearTimeout(this.#next?.timer);
    this.#tell();
  }

  async #join(receiver: Receiver): Promise<Member> {
    const { timeoutMs, signal, fanout } = this.#options;
    const { connection, host } = receiver;
    this.#asking += 1;
    try {
      const held = await openBlob(connection, this.#blob, fanout, { timeoutMs, signal });
      receiver.admit?.(held.availableBytes);
      const member = new Member(receiver, held.availableBytes);
      // Whom it is a second time, over another connection, has no copy any more.
      this.#members.get(host.name)?.copy?.stop.abort();
      this.#members.set(host.name, member);
      this.#untold.add(member);
      if (held.whole) member.settle();
      const { site, rack } = host.labels;
      this.#joining.push({ name: host.name, site, rack, offset: held.availableBytes, whole: held.whole });
      if (signal.aborted) this.#interrupt();
      return member;
    } finally {
      this.#asking -= 1;
      this.#wake(this.#fanout === undefined ? gatherMs.least : settleMs(this.#members.size));
    }
  }

  #report(report: FanoutReport): void {
    this.#reports.push(report);
    this.#wake(settleMs(this.#members.size));
  }

  /** Takes a step so soon, or sooner. */
  #wake(delayMs: number): void {
    const at = performance.now() + delayMs;
    if (this.#next !== undefined && this.#next.at <= at) return;
    clearTimeout(this.#next?.timer);
    this.#next = { timer: setTimeout(() => this.#step(), delayMs), at };
  }

  /** Never throws: a mistake in planning must not end the run, only this. */
  #step(): void {
    this.#next = undefined;
    if (this.#options.signal.aborted) return;
    const isGathering = this.#fanout === undefined && this.#asking > 0;
    if (isGathering && performance.now() - this.#startedAt < gatherMs.most) {
      this.#wake(gatherMs.least);
      return;
    }
    try {
      this.#plan();
    } catch (error) {
      for (const member of this.#members.values()) member.fail(error);
    }
    const waiting = [...this.#members.values()].some(({ isSettled }) => !isSettled);
    if (waiting) this.#wake(reviewMs);
    else if (this.#asking === 0 && this.#untold.size > 0) this.#quiet();
  }

  #plan(): void {
    const joining = this.#joining.splice(0);
    const now = performance.now();
    const isReview = now >= this.#reviewAt;
    if (isReview) {
      this.#reviewAt = now + reviewMs;
      this.#review();
    }
    const known =
      this.#fanout === undefined
        ? beginFanout(this.#blob, this.#origin, this.#options.fanout, joining)
        : joinFanout(this.#fanout, joining);
    this.#fanout = applyReports(known, this.#reports.splice(0));
    for (const { name, status, loss } of this.#fanout.hosts.values()) if (status === 'failed') this.#giveUp(name, loss);
    const isWaiting = [...this.#fanout.hosts.values()].some(({ status }) => status === 'waiting');
    if (!isWaiting && !isReview) return;
    const step = planStep(this.#fanout);
    this.#fanout = applyStep(this.#fanout, step);
    for (const name of step.giveUp) this.#giveUp(name, 'given-up');
    for (const { to } of step.drop) this.#stop(to);
    for (const assignment of step.assign) this.#begin(assignment);
  }

  /** Looks at every copy that runs: one that gets nothing tells nothing either. */
  #review(): void {
    for (const member of this.#members.values()) {
      const { copy, isSettled, offset, name: host } = member;
      if (copy === undefined || isSettled || copy.stop.signal.aborted) continue;
      const rate = member.rate();
      if (rate !== undefined) this.#reports.push({ type: 'received', host, offset, rate });
      if (!member.isStalled(this.#availableAt(copy.from))) continue;
      const message = `Cannot take a blob from ${sourceName(copy.from, this.#originName) ?? deployHost}: nothing came for too long`;
      this.#tellFailure(member, copy.from, new ScapError('source_lost', message));
      this.#reports.push({ type: 'broken', host, from: copy.from });
      this.#stop(host);
    }
  }

  #availableAt(from: Source): number {
    const source = from === deployHost ? undefined : this.#members.get(from);
    return source === undefined || source.isWhole ? this.#blob.sizeBytes : source.offset;
  }

  #begin({ to, from }: Assignment): void {
    const member = this.#members.get(to);
    if (member === undefined || member.isSettled) return;
    const before = member.copy?.ended ?? Promise.resolve();
    const stop = new AbortController();
    // A target takes a blob from one source at a time.
    const ended = before.then(() =>
      stop.signal.aborted || member.isSettled ? undefined : this.#copy(member, from, stop.signal),
    );
    member.copy = { from, stop, ended };
    void ended.then(() => {
      if (member.copy?.ended === ended) member.copy = undefined;
    });
  }

  #stop(name: HostName): void {
    const member = this.#members.get(name);
    const copy = member?.copy;
    if (member === undefined || copy === undefined || copy.stop.signal.aborted) return;
    copy.stop.abort();
    const late = setTimeout(() => {
      const message = `Cannot fetch on ${name}: it does not answer while it receives`;
      this.#lose(member, new ScapError('request_timeout', message, { hint: `Look at the disk of ${name}` }));
    }, answerMs);
    void copy.ended.finally(() => clearTimeout(late));
  }

  /** Never throws. */
  async #copy(member: Member, from: Source, signal: AbortSignal): Promise<void> {
    const { fanout: listening, timeoutMs, limit } = this.#options;
    const { sizeBytes } = this.#blob;
    const host = member.name;
    member.begin(from);
    const onProgress = (offset: number) => {
      if (!member.progress(from, offset, sizeBytes)) return;
      this.#reports.push({ type: 'received', host, offset });
    };
    try {
      const source = (from === deployHost ? undefined : this.#members.get(from)?.receiver) ?? this.#origin;
      const between = { blob: this.#blob, child: member.receiver, source, listening };
      await copyBlob({ ...between, timeoutMs, limit, signal, onProgress });
      onProgress(sizeBytes);
      member.settle();
      this.#report({ type: 'whole', host });
    } catch (thrown) {
      this.#explain(member, from, thrown, signal.aborted);
    }
  }

  #explain(member: Member, from: Source, thrown: unknown, wasStopped: boolean): void {
    const { name: host, receiver } = member;
    const error = toScapError(thrown);
    const source = from === deployHost ? undefined : this.#members.get(from);
    if (source?.receiver.connection.usable === false) this.#report({ type: 'gone', host: source.name });
    if (error === undefined || !receiver.connection.usable) this.#lose(member, thrown);
    else if (error.code === 'blob_damaged') {
      member.reset();
      this.#tellFailure(member, from, error);
      this.#report({ type: 'corrupt', host, from });
    } else if (!wasStopped && isOfCopy(error, 'openFrom' in this.#origin && from === deployHost)) {
      this.#tellFailure(member, from, error);
      this.#report({ type: 'broken', host, from });
    } else if (!wasStopped) this.#lose(member, error);
  }

  #tellFailure(member: Member, from: Source, error: ScapError): void {
    member.lastError = error;
    const about = { host: member.name, from: sourceName(from, this.#originName), offset: member.offset };
    this.#options.bus.emit('copy.failed', { ...about, error: toErrorReport(error) });
  }

  #giveUp(name: HostName, loss: 'gone' | 'given-up' | undefined): void {
    const member = this.#members.get(name);
    // Whoever lost its connection while a copy ran is told so by the copy.
    if (member === undefined || member.isSettled || (loss === 'gone' && member.copy !== undefined)) return;
    const nobody = `Cannot fetch on ${name}: ${loss === 'gone' ? 'it went away' : 'nobody could bring it the revision'}`;
    member.fail(member.lastError ?? new ScapError('source_lost', nobody));
  }

  #lose(member: Member, error: unknown): void {
    member.fail(error);
    this.#report({ type: 'gone', host: member.name });
  }

  #quiet(): void {
    clearTimeout(this.#next?.timer);
    this.#next = { timer: setTimeout(() => this.#tell(), quietMs), at: Number.POSITIVE_INFINITY };
  }

  /** Tells what it took to bring the blob to those that have ended since it was last told. */
  #tell(): void {
    if (this.#untold.size === 0) return;
    const ended = [...this.#untold].filter(({ isSettled }) => isSettled);
    this.#untold.clear();
    const { losses = 0 } = this.#fanout ?? {};
    const { sha256, sizeBytes: bytes } = this.#blob;
    const durationMs = Math.round(performance.now() - this.#startedAt);
    const account = accountFor(ended, this.#members, this.#originName);
    const newLosses = losses - this.#toldLosses;
    this.#toldLosses = losses;
    this.#options.bus.emit('bundle.distributed', { ...account, sha256, bytes, losses: newLosses, durationMs });
  }

  #interrupt(): void {
    const error = new ScapError('interrupted', 'Stopped bringing the revision to the targets, on request');
    for (const member of this.#members.values()) {
      this.#stop(member.name);
      void (member.copy?.ended ?? Promise.resolve()).then(() => member.fail(error));
    }
  }
}
