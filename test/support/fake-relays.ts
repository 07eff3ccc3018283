// Targets that relay blobs without bytes or sockets: what the deploy host asks is answered, time is the test's.
import { Readable } from 'node:stream';
import { ScapError } from '../../src/core/errors.ts';
import type { ReadyBundle } from '../../src/deploy/bundle-store.ts';
import type { Receiver } from '../../src/deploy/distribution/receiver.ts';
import type { Host } from '../../src/inventory/host.ts';
import type { Connection, RequestOptions } from '../../src/transport/connection.ts';
import { hostName } from './deploy-facts.ts';

export const ports = { first: 8730, last: 8790 };
const stepMs = 100;

export interface FakeTarget {
  readonly name: string;
  offset: number;
  usable: boolean;
  /** Gives nothing to those who copy from it, and says that it is there. */
  mute: boolean;
  /** Neither receives nor answers any more. */
  deaf: boolean;
  /** Bytes it received, by whom they were from. */
  readonly got: Map<string, number>;
  readonly receiver: Receiver;
  /** Pieces are taken in one after the other. */
  giving: Promise<unknown>;
}

export class FakeRelays {
  readonly bundle: ReadyBundle;
  readonly targets = new Map<string, FakeTarget>();
  readonly #sizeBytes: number;
  readonly #bytesPerStep: number;

  constructor(sizeBytes: number, bytesPerSecond: number) {
    this.#sizeBytes = sizeBytes;
    this.#bytesPerStep = (bytesPerSecond * stepMs) / 1000;
    this.bundle = {
      sha256: 'b'.repeat(64),
      sizeBytes,
      path: '/nowhere',
      open: () => Buffer.alloc(sizeBytes),
      openFrom: (offset, pieceBytes) => Readable.from(pieces(sizeBytes - offset, pieceBytes)),
    };
  }

  add(name: string, special: Partial<Pick<FakeTarget, 'offset' | 'mute' | 'deaf'>> = {}): FakeTarget {
    const host = { name: hostName(name), labels: {} } as unknown as Host;
    const target: FakeTarget = {
      name,
      offset: 0,
      usable: true,
      mute: false,
      deaf: false,
      got: new Map(),
      giving: Promise.resolve(),
      ...special,
      receiver: { host, connection: undefined as unknown as Connection, notify: () => {} },
    };
    const connection = {
      get usable() {
        return target.usable;
      },
      request: (verb: string, params: Record<string, unknown>, options: RequestOptions) =>
        this.#answer(target, verb, params, options),
    } as unknown as Connection;
    const whole = { ...target.receiver, connection };
    Object.assign(target, { receiver: whole });
    this.targets.set(name, target);
    return target;
  }

  async #answer(
    target: FakeTarget,
    verb: string,
    params: Record<string, unknown>,
    options: RequestOptions,
  ): Promise<unknown> {
    switch (verb) {
      case 'blob-open':
        return this.#holding(target);
      case 'blob-give':
        target.giving = target.giving.then(() => this.#give(target, Number(params.offset), options));
        return target.giving;
      case 'blob-grant':
        return { address: '10.0.0.1', port: 8730, identity: toHex(target.name, 32), key: '0'.repeat(64) };
      case 'blob-take':
        return this.#take(target, params.ticket as { identity: string }, options);
      default:
        return {};
    }
  }

  async #give(target: FakeTarget, offset: number, { payload }: RequestOptions): Promise<unknown> {
    await sleep((stepMs * (payload?.sizeBytes ?? 0)) / this.#bytesPerStep);
    while (target.deaf) await sleep(stepMs);
    if (!target.usable) throw new ScapError('connection_lost', `Lost the connection to ${target.name}`);
    this.#receive(target, 'deploy host', offset + (payload?.sizeBytes ?? 0));
    return this.#holding(target);
  }

  async #take(target: FakeTarget, { identity }: { identity: string }, options: RequestOptions): Promise<unknown> {
    const source = [...this.targets.values()].find(({ name }) => toHex(name, 32) === identity) as FakeTarget;
    while (target.offset < this.#sizeBytes) {
      await sleep(stepMs);
      if (target.deaf) continue;
      if (!target.usable) throw new ScapError('connection_lost', `Lost the connection to ${target.name}`);
      if (options.signal?.aborted) throw new ScapError('interrupted', 'Stopped');
      if (!source.usable) throw new ScapError('source_lost', `Cannot take from ${source.name}`);
      if (source.mute) continue;
      this.#receive(target, source.name, Math.min(source.offset, target.offset + this.#bytesPerStep));
      options.onNotice?.({
        kind: 'progress',
        step: 'receive',
        unit: 'bytes',
        done: target.offset,
        total: this.#sizeBytes,
      });
    }
    return {};
  }

  #receive(target: FakeTarget, from: string, offset: number): void {
    const grown = Math.max(0, offset - target.offset);
    target.got.set(from, (target.got.get(from) ?? 0) + grown);
    target.offset += grown;
  }

  #holding({ offset }: FakeTarget) {
    return { availableBytes: offset, whole: offset === this.#sizeBytes };
  }
}

function* pieces(bytes: number, pieceBytes: number) {
  for (let left = bytes; left > 0; left -= pieceBytes) yield Buffer.alloc(Math.min(left, pieceBytes));
}

function toHex(text: string, digits: number): string {
  return Buffer.from(text).toString('hex').padEnd(digits, '0');
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
