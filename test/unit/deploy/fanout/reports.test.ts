import { describe, expect, it } from 'vitest';
import type { Fanout } from '../../../../src/deploy/fanout/fanout.ts';
import { applyReports, applyStep, type FanoutReport } from '../../../../src/deploy/fanout/reports.ts';
import { planStep } from '../../../../src/deploy/fanout/schedule.ts';
import { hostName } from '../../../support/deploy-facts.ts';
import { aFanout, receiving, someRules, whole } from '../../../support/fanout-facts.ts';

const a = hostName('a');
const b = hostName('b');
const get = (fanout: Fanout, name: string) => fanout.hosts.get(hostName(name));
const told = (fanout: Fanout, ...reports: readonly FanoutReport[]) => applyReports(fanout, reports);

describe('applyReports()', () => {
  it.each([
    ['grows', 60, 60],
    ['never goes back', 20, 40],
    ['ends with the blob', 1000, 100],
  ])('an offset %s', (_what, offset, expected) => {
    const fanout = told(aFanout('a', { a: receiving('D', 40) }), { type: 'received', host: a, offset });
    expect(get(fanout, 'a')?.offset).toBe(expected);
    expect(fanout.sentBytes).toBe(expected - 40);
  });

  it('counts as sent what the deploy host itself has sent', () => {
    const fanout = aFanout('a b', { a: receiving('D', 40), b: receiving('a', 20) });
    expect(told(fanout, { type: 'received', host: b, offset: 30 }).sentBytes).toBe(0);
    expect(told(fanout, { type: 'whole', host: a }).sentBytes).toBe(60);
  });

  it('remembers the best rate of each distance', () => {
    const fanout = aFanout('a@x/1 b@x/1 c@x/2', { a: whole, b: receiving('a', 20), c: receiving('a', 20) });
    const rates = [
      { type: 'received', host: b, offset: 30, rate: 10 },
      { type: 'received', host: b, offset: 40, rate: 5 },
      { type: 'received', host: hostName('c'), offset: 40, rate: 3 },
    ] as const;
    expect(told(fanout, ...rates).bestRates).toEqual([10, 3]);
    expect(get(told(fanout, ...rates), 'b')?.rate).toBe(5);
  });

  it('a broken copy waits at its offset; both ends are charged', () => {
    const fanout = told(aFanout('a b', { a: whole, b: receiving('a', 40, 7) }), { type: 'broken', host: b, from: a });
    expect(get(fanout, 'b')).toMatchObject({
      status: 'waiting',
      offset: 40,
      failures: 1,
      from: undefined,
      rate: undefined,
    });
    expect([...(get(fanout, 'b')?.tried ?? [])]).toEqual(['a']);
    expect(get(fanout, 'a')?.misses).toBe(1);
    expect(fanout.losses).toBe(1);
  });

  it('corrupt bytes are thrown away', () => {
    const fanout = told(aFanout('a b', { a: receiving('D', 50), b: receiving('a', 40) }), {
      type: 'corrupt',
      host: b,
    });
    expect(get(fanout, 'b')).toMatchObject({ status: 'waiting', offset: 0, failures: 1, wasCorrupt: true });
    expect(get(fanout, 'a')?.misses).toBe(1);
  });

  it.each<readonly [string, FanoutReport]>([
    ['a copy that was ended meanwhile', { type: 'broken', host: b, from: 'deploy host' }],
    ['a copy that was whole', { type: 'broken', host: a, from: 'deploy host' }],
    ['corrupt bytes of who is whole', { type: 'corrupt', host: a }],
    ['a host nobody knows', { type: 'gone', host: hostName('nobody') }],
    ['a host that has failed', { type: 'whole', host: hostName('c') }],
  ])('changes nothing after a late report of %s', (_what, report) => {
    const fanout = aFanout('a b c', { a: whole, b: receiving('a', 40), c: { status: 'failed', loss: 'gone' } });
    expect(told(fanout, report)).toEqual(fanout);
  });

  it('[I8] a host that is gone has failed, with the cause', () => {
    const fanout = told(aFanout('a', { a: receiving('D', 40) }), { type: 'gone', host: a });
    expect(get(fanout, 'a')).toMatchObject({ status: 'failed', loss: 'gone', from: undefined });
    expect(fanout.losses).toBe(1);
  });
});

describe('applyStep()', () => {
  it('begins copies', () => {
    const fanout = aFanout('a b');
    const next = applyStep(fanout, planStep(fanout));
    expect(get(next, 'a')).toMatchObject({ status: 'receiving', from: 'deploy host' });
    expect(planStep(next)).toMatchObject({ assign: [], drop: [], giveUp: [] });
  });

  it('[I8] a host that is given up has failed, with the cause', () => {
    const fanout = aFanout('a', { a: { failures: 3 } });
    expect(get(applyStep(fanout, planStep(fanout)), 'a')).toMatchObject({ status: 'failed', loss: 'given-up' });
  });

  it('remembers who was slow, at both ends', () => {
    const rates = { bestRates: [undefined, undefined, 100], sentBytes: 200 };
    const fanout = aFanout('a b c', { a: whole, b: whole, c: receiving('a', 40, 20) }, rates);
    const next = applyStep(fanout, planStep(fanout));
    expect(get(next, 'a')?.slowness).toBe(1);
    expect(get(next, 'c')).toMatchObject({ slowness: 1, from: 'b', offset: 40, rate: undefined, failures: 0 });
    expect([...(get(next, 'c')?.tried ?? [])]).toEqual(['a']);
  });

  it('counts a copy that the deploy host gave up as slow as a loss: it may have to send again', () => {
    const slow = { a: receiving('D', 40, 10), b: receiving('a', 35, 10) };
    const rates = { rules: someRules({ degree: 1 }), bestRates: [undefined, undefined, 100], sentBytes: 40 };
    const fanout = aFanout('a b', slow, rates);
    expect(applyStep(fanout, planStep(fanout)).losses).toBe(1);
  });
});
