/** Distribution with targets that answer as they are told to; time is the test's. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDistributor, type Distributor } from '../../../../src/deploy/distribution/distributor.ts';
import type { Arrival } from '../../../../src/deploy/distribution/receiver.ts';
import { createEventBus, type EventOf, type ScapEvent } from '../../../../src/events/event.ts';
import { FakeRelays, type FakeTarget, ports } from '../../../support/fake-relays.ts';

const megabyte = 1_000_000;
const sizeBytes = 10 * megabyte;

let events: ScapEvent[];
let stop: AbortController;
let distributor: Distributor;
let relays: FakeRelays;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  events = [];
  stop = new AbortController();
  relays = new FakeRelays(sizeBytes, megabyte);
  const bus = createEventBus();
  bus.listen((event) => events.push(event));
  const fanout = { degree: 4, thresholdBytes: megabyte, ports, bytesPerSecond: 0, carrier: 'relay' } as const;
  distributor = createDistributor({ fanout, timeoutMs: 600_000, bus, signal: stop.signal });
});

afterEach(() => {
  distributor[Symbol.dispose]();
  vi.useRealTimers();
});

type Outcome = { readonly code: string } | Arrival;

/** Brings it to these targets; what became of each is there once it has ended. */
function bring(...targets: FakeTarget[]): ReadonlyMap<string, Outcome> {
  const outcomes = new Map<string, Outcome>();
  for (const { name, receiver } of targets)
    distributor.bring(relays.bundle, receiver).then(
      (arrival) => outcomes.set(name, arrival),
      (error: { code: string }) => outcomes.set(name, { code: error.code }),
    );
  return outcomes;
}

const several = (count: number) => Array.from({ length: count }, (_, at) => relays.add(`web${at + 1}`));
const codesOf = (outcomes: ReadonlyMap<string, Outcome>) =>
  [...outcomes].map(([name, outcome]) => `${name} ${'code' in outcome ? outcome.code : 'ok'}`).toSorted();
const told = <T extends ScapEvent['type']>(type: T) =>
  events.filter((event): event is EventOf<T> => event.type === type);
const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

describe('createDistributor()', () => {
  it('[B13] takes hardly longer for eight than for one, and the deploy host sends it once', async () => {
    const outcomes = bring(...several(8));
    await pass(13);
    expect(codesOf(outcomes)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((n) => `web${n} ok`));
    const [summary, ...more] = told('bundle.distributed');
    expect(more).toEqual([]);
    expect(summary).toMatchObject({ hosts: 8, failed: 0, losses: 0, sentBytes: sizeBytes });
    expect(summary?.tiers).toEqual(Array.from({ length: 8 }, () => ({ hosts: 1, bytes: sizeBytes })));
    expect(told('copy.failed')).toEqual([]);
  });

  it.each([
    ['gives nothing to those behind it', { mute: true }],
    ['says that it has everything, and gives nothing', { mute: true, offset: sizeBytes }],
  ])('[B14] a target that %s costs the others half a minute', async (_what, special) => {
    const targets = several(6);
    Object.assign(targets[1] as FakeTarget, special);
    const outcomes = bring(...targets);
    await pass(60);
    expect(codesOf(outcomes)).toEqual([1, 2, 3, 4, 5, 6].map((n) => `web${n} ok`));
  });

  it('[B14] a target that neither receives nor answers is given up, and the others go on without it', async () => {
    const targets = several(6);
    const outcomes = bring(...targets);
    await pass(3);
    (targets[0] as FakeTarget).deaf = true;
    await pass(120);
    expect(codesOf(outcomes)).toEqual(['web1 request_timeout', ...[2, 3, 4, 5, 6].map((n) => `web${n} ok`)]);
    (targets[0] as FakeTarget).deaf = false;
    await pass(1);
    expect(told('bundle.distributed')).toMatchObject([{ hosts: 5, failed: 1 }]);
  });

  it('a target that went away may come again, over another connection', async () => {
    const targets = several(3);
    const outcomes = bring(...targets);
    await pass(3);
    const [lost] = targets as [FakeTarget];
    lost.usable = false;
    await pass(60);
    expect(codesOf(outcomes)).toEqual(['web1 connection_lost', 'web2 ok', 'web3 ok']);
    const again = bring(relays.add('web1', { offset: lost.offset }));
    await pass(30);
    expect(codesOf(again)).toEqual(['web1 ok']);
  });

  it('who comes later copies from those who have it, and is told of apart', async () => {
    bring(...several(2));
    await pass(15);
    const later = bring(relays.add('web3'), relays.add('web4'));
    await pass(15);
    expect(codesOf(later)).toEqual(['web3 ok', 'web4 ok']);
    expect(told('bundle.distributed').map(({ hosts, sentBytes }) => [hosts, sentBytes])).toEqual([
      [2, sizeBytes],
      [2, 0],
    ]);
  });

  it('[B36] stops for an interrupt, all of them, and needs no more time', async () => {
    const outcomes = bring(...several(4));
    await pass(3);
    stop.abort();
    await pass(3);
    expect(codesOf(outcomes)).toEqual([1, 2, 3, 4].map((n) => `web${n} interrupted`));
    distributor[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('what a target says against it ends its part before anything is sent', async () => {
    const target = relays.add('web1');
    const admit = () => {
      throw Object.assign(new Error('full'), { code: 'disk_full' });
    };
    const bringing = distributor.bring(relays.bundle, { ...target.receiver, admit });
    await expect(bringing).rejects.toMatchObject({ code: 'disk_full' });
    expect(target.offset).toBe(0);
  });
});
