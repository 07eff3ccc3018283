/** One target of a distribution: what it was told, what it has, and the copy to it that runs. */
import type { HostName } from '../../core/host-name.ts';
import { deployHost, type Source } from '../fanout/fanout.ts';
import { createRateMeter, type RateMeter } from './rate-meter.ts';
import type { Receiver } from './receiver.ts';

/** A copy that gets nothing for so long, although its source has more, is no copy any more. A source says that it is there every 5 s. */
const stallMs = 30_000;

export interface RunningCopy {
  readonly from: Source;
  readonly stop: AbortController;
  /** Resolves when the target has nothing to do with it any more. */
  readonly ended: Promise<void>;
}

export class Member {
  readonly receiver: Receiver;
  /** What an interrupted run had left there. */
  readonly resumedBytes: number;
  readonly bytesFrom = new Map<Source, number>();
  readonly arrived: Promise<void>;
  /** How much it has, as far as it said. */
  offset: number;
  isSettled = false;
  /** It has the blob. */
  isWhole = false;
  /** Whom its last bytes are from. */
  lastFrom: Source = deployHost;
  copy: RunningCopy | undefined;
  lastError: unknown;
  #meter: RateMeter = createRateMeter();
  #movedAt = performance.now();
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(receiver: Receiver, offset: number) {
    this.receiver = receiver;
    this.resumedBytes = offset;
    this.offset = offset;
    this.arrived = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get name(): HostName {
    return this.receiver.host.name;
  }

  /** A copy from `from` begins. */
  begin(from: Source): void {
    this.#meter = createRateMeter();
    this.#movedAt = performance.now();
    this.lastFrom = from;
  }

  /** It has so many bytes by now, the new ones from `from`. Tells whether there are new ones. */
  progress(from: Source, offset: number, sizeBytes: number): boolean {
    const grown = offset - this.offset;
    if (grown <= 0) return false;
    this.offset = offset;
    this.#movedAt = performance.now();
    this.bytesFrom.set(from, (this.bytesFrom.get(from) ?? 0) + grown);
    this.receiver.notify({ kind: 'progress', step: 'receive', unit: 'bytes', done: offset, total: sizeBytes });
    return true;
  }

  /** Bytes per second of its copy, once they were measured; falls while nothing comes. */
  rate(): number | undefined {
    return this.#meter.note(this.offset, performance.now());
  }

  /** Whether its copy stands still although the source, which has `available` bytes, could go on. */
  isStalled(available: number): boolean {
    return available > this.offset && performance.now() - this.#movedAt > stallMs;
  }

  /** Its bytes were thrown away. */
  reset(): void {
    this.offset = 0;
  }

  settle(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.isWhole = true;
    this.#resolve();
  }

  fail(error: unknown): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.#reject(error);
  }
}
