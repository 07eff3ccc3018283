import { describe, expect, it } from 'vitest';
import { type Fanout, type FanoutHost, joinFanout } from '../../../../src/deploy/fanout/fanout.ts';
import { planStep } from '../../../../src/deploy/fanout/schedule.ts';
import { isLastAttempt, mayEnterSite } from '../../../../src/deploy/fanout/step-draft.ts';
import { aFanout, formatStep, place, receiving, someRules, whole } from '../../../support/fanout-facts.ts';

const saf = { rules: someRules({ mode: 'store-and-forward' }) };
const degree = (degree: number, rest = {}) => ({ rules: someRules({ degree, ...rest }) });
const tried = (...names: string[]) => ({ tried: new Set(names) as unknown as FanoutHost['tried'] });

type Row = readonly [string, Fanout, string];

describe('planStep()', () => {
  it.each<Row>([
    ['nobody wants anything', aFanout(''), ''],
    ['all are whole', aFanout('a b', { a: whole, b: whole }), ''],
    ['all begin', aFanout('a b c d e'), 'D>a D>b a>c b>d a>e'],
    ['all begin as a chain', aFanout('a b c', {}, degree(1)), 'D>a a>b b>c'],
    ['sources must be whole', aFanout('a b c d', {}, saf), 'D>a D>b'],
    ['one is whole', aFanout('a b c', { a: whole }, saf), 'a>b D>c'],
    ['some hold a part', aFanout('a b c', { b: { offset: 30 }, c: { offset: 70 } }, degree(1)), 'D>c:70 c>b:30 b>a'],
    ['the blob is small', aFanout('a b c', {}, degree(1, { thresholdBytes: 101 })), 'D>a D>b D>c'],
    ['the blob is just as large as the threshold', aFanout('a b', {}, degree(1, { thresholdBytes: 100 })), 'D>a a>b'],
  ])('[I11] when %s', (_what, fanout, expected) => {
    expect(formatStep(planStep(fanout))).toBe(expected);
  });

  it.each<Row>([
    ['rack, then site, then anything', aFanout('a@x/1 b@x/2 c@y/1 d@x/1', { a: whole, b: whole, c: whole }), 'a>d'],
    ['site before anything', aFanout('a@y/1 b@x/2 d@x/1', { a: whole, b: whole }), 'b>d'],
    ['racks of other sites are far', aFanout('a@y/1 b@x/2 d@x/2', { a: whole }), 'a>b b>d'],
    ['each site is entered once', aFanout('a@x b@x c@y d@y', {}, degree(2)), 'D>a D>c a>b c>d'],
    [
      'sites are entered first, then racks',
      aFanout('a@x/1 b@x/1 c@x/2 d@y/1', {}, { ...degree(3), ...saf }),
      'D>a D>d',
    ],
    [
      'a site with enough sources on their way waits for them',
      aFanout('a@x b@x c@x w@y', { w: whole, a: receiving('D', 5), b: receiving('D', 5) }, saf),
      '',
    ],
    [
      'a site is entered again after a failure',
      aFanout('a@x b@x c@x w@y', { w: whole, a: receiving('D', 5), b: receiving('D', 5), c: { failures: 1 } }, saf),
      'w>c',
    ],
    ['who was ever slow comes last', aFanout('a b c', { a: { ...whole, slowness: 1 }, b: whole }, degree(1)), 'b>c'],
    [
      'who failed it comes last, but comes',
      aFanout(
        'a b c',
        {
          a: whole,
          b: { ...receiving('a', 9) },
          c: { failures: 1, ...tried('deploy host', 'a', 'b') },
        },
        { sentBytes: 200 },
      ),
      'a>c',
    ],
  ])('near first: %s', (_what, fanout, expected) => {
    expect(formatStep(planStep(fanout))).toBe(expected);
  });

  it.each<Row>([
    [
      'its source is gone',
      aFanout('a b c', { a: { status: 'failed' }, b: receiving('a', 40), c: whole }),
      '-b<a(source-lost) c>b:40',
    ],
    [
      'its source waits, it stays with it',
      aFanout('a b c', { a: { offset: 50 }, b: receiving('a', 40), c: whole }),
      'c>a:50',
    ],
    [
      'its source has lost its bytes',
      aFanout('a b c', { a: { ...receiving('D', 10), wasCorrupt: true }, b: receiving('a', 40), c: whole }),
      '-b<a(source-lost) c>b:40',
    ],
    [
      'the head of a chain is lost: the deploy host sends again, to one',
      aFanout(
        'a b c',
        { a: { status: 'failed' }, b: receiving('a', 40), c: receiving('b', 30) },
        { ...degree(1), sentBytes: 50, losses: 1 },
      ),
      '-b<a(source-lost) D>b:40',
    ],
    [
      'the middle of a chain is lost',
      aFanout(
        'a b c d',
        { a: receiving('D', 60), b: { status: 'failed' }, c: receiving('b', 40), d: receiving('c', 30) },
        { ...degree(1), sentBytes: 60, losses: 1 },
      ),
      '-c<b(source-lost) a>c:40',
    ],
    [
      'nobody is ahead of it yet, it waits',
      aFanout('a b', { a: receiving('D', 30), b: { offset: 40 } }, { ...degree(1), sentBytes: 30 }),
      '',
    ],
    [
      'it was corrupt, it copies from who has checked theirs',
      aFanout('a b c', { a: receiving('D', 30), b: whole, c: { wasCorrupt: true, ...tried('b') } }, degree(1)),
      'b>c',
    ],
    [
      'whole sources have failed too often',
      aFanout('a b', { a: { ...whole, misses: 3 } }, { sentBytes: 200, losses: 3 }),
      'D>b',
    ],
    ['it has failed too often', aFanout('a b', { a: { failures: 3 }, b: whole }), '!a'],
    ['it has one attempt left', aFanout('a b', { a: { failures: 2 }, b: whole }, { sentBytes: 200, losses: 2 }), 'D>a'],
    [
      'it has one attempt left and the deploy host has no place free',
      aFanout('a b c', { a: { failures: 2 }, b: receiving('D', 9), c: whole }, { ...degree(1), losses: 2 }),
      '',
    ],
  ])('[B14] when a target has lost its source: %s', (_what, fanout, expected) => {
    expect(formatStep(planStep(fanout))).toBe(expected);
  });

  it.each<Row>([
    [
      'another source is free',
      aFanout(
        'a b c',
        { a: whole, b: whole, c: receiving('a', 40, 20) },
        { bestRates: [undefined, undefined, 100], sentBytes: 200 },
      ),
      '-c<a(slow) b>c:40',
    ],
    [
      'it is just fast enough',
      aFanout(
        'a b c',
        { a: whole, b: whole, c: receiving('a', 40, 25) },
        { bestRates: [undefined, undefined, 100], sentBytes: 200 },
      ),
      '',
    ],
    [
      'the other source would be shared, and no better',
      aFanout(
        'a b c d',
        { a: whole, b: whole, c: receiving('a', 40, 20), d: receiving('b', 40) },
        { bestRates: [undefined, undefined, 60], sentBytes: 200 },
      ),
      '',
    ],
    [
      'the other source is farther',
      aFanout(
        'a@x b@y c@x',
        { a: whole, b: whole, c: receiving('a', 40, 20) },
        { bestRates: [undefined, 100, 100], sentBytes: 200 },
      ),
      '',
    ],
    [
      'nothing was measured over that distance',
      aFanout('a b c', { a: whole, b: whole, c: receiving('a', 40, 20) }),
      '',
    ],
    [
      'it was moved often enough',
      aFanout(
        'a b c',
        { a: whole, b: whole, c: { ...receiving('a', 40, 20), slowness: 3 } },
        { bestRates: [undefined, undefined, 100], sentBytes: 200 },
      ),
      '',
    ],
    [
      'in a chain it changes places with what comes after it, and who was held back is not blamed',
      aFanout(
        'a b c d',
        { a: receiving('D', 90, 100), b: receiving('a', 40, 10), c: receiving('b', 35, 10), d: receiving('c', 30, 10) },
        { ...degree(1), bestRates: [undefined, undefined, 100], sentBytes: 90 },
      ),
      '-b<a(slow) -c<b(stepped-aside) a>c:35',
    ],
    [
      'never from who copies from it',
      aFanout(
        'a b c',
        { a: receiving('D', 90, 100), b: receiving('a', 40, 10), c: receiving('b', 40, 100) },
        { ...degree(1), bestRates: [undefined, undefined, 100], sentBytes: 90 },
      ),
      '-b<a(slow) -c<b(stepped-aside) a>c:40 c>b:40',
    ],
    [
      'at the head of a chain, too',
      aFanout(
        'a b',
        { a: receiving('D', 40, 10), b: receiving('a', 35, 10) },
        { ...degree(1), bestRates: [undefined, undefined, 100], sentBytes: 40 },
      ),
      '-a<D(slow) -b<a(stepped-aside) D>b:35',
    ],
    [
      'its source was slow with others before, the source steps aside',
      aFanout(
        'a b c',
        { a: receiving('D', 90, 100), b: { ...receiving('a', 80, 90), slowness: 2 }, c: receiving('b', 35, 10) },
        { ...degree(1), bestRates: [undefined, undefined, 100], sentBytes: 90 },
      ),
      '-b<a(slow) -c<b(stepped-aside) a>c:35',
    ],
  ])('[B14] when a copy is slow: %s', (_what, fanout, expected) => {
    expect(formatStep(planStep(fanout))).toBe(expected);
  });

  it('[I11] lets the deploy host send no more than degree blobs while nothing is lost', () => {
    const spent = { sentBytes: 200 };
    expect(formatStep(planStep(aFanout('a b', { a: whole }, spent)))).toBe('a>b');
    expect(formatStep(planStep(aFanout('a b c d e', { a: whole }, { ...spent, ...saf })))).toBe('a>b a>c');
    expect(
      formatStep(planStep(aFanout('a b c', { a: whole, b: receiving('D', 90) }, { sentBytes: 190, ...saf }))),
    ).toBe('a>c');
  });

  it('says what the step is for', () => {
    expect(planStep(aFanout('a')).topology).toBe('fan-out');
    expect(planStep(aFanout('a', {}, degree(1, { thresholdBytes: 101 }))).topology).toBe('star');
  });

  it('gives up in a star, too', () => {
    const fanout = aFanout('a b', { a: { failures: 3 }, b: { failures: 2 } }, degree(1, { thresholdBytes: 101 }));
    expect(formatStep(planStep(fanout))).toBe('!a D>b');
  });
});

describe('mayEnterSite()', () => {
  it.each([
    [0, 0, true],
    [1, 0, true],
    [2, 0, false],
    [2, 1, true],
  ])('with %i sources on its side and %i failures: %s', (holders, failures, expected) => {
    expect(mayEnterSite(holders, failures, { degree: 2 })).toBe(expected);
  });
});

describe('isLastAttempt()', () => {
  it.each([
    [0, 1, false],
    [0, 3, false],
    [1, 3, false],
    [2, 3, true],
    [3, 3, false],
  ])('after %i failures of %i attempts: %s', (failures, attempts, expected) => {
    expect(isLastAttempt({ failures }, someRules({ attempts }))).toBe(expected);
  });
});

describe('a copy that runs', () => {
  it('goes on although its source seems to be behind: what is known of both is of different moments', () => {
    const fanout = aFanout('a b', { a: receiving('D', 10), b: receiving('a', 40) }, degree(1));
    expect(formatStep(planStep(fanout))).toBe('');
  });
});

describe('joinFanout()', () => {
  it('lets those who come later copy from those who have it', () => {
    const before = aFanout('a', { a: whole }, degree(1));
    const fanout = joinFanout(before, [place('b')]);
    expect([...fanout.hosts.values()][0]).toBe([...before.hosts.values()][0]);
    expect(formatStep(planStep(fanout))).toBe('a>b');
  });

  it('begins anew with one that comes again', () => {
    const before = aFanout('a b', { a: { status: 'failed', loss: 'gone' }, b: whole });
    expect(formatStep(planStep(joinFanout(before, [place('a')])))).toBe('b>a');
  });
});
