import { describe, expect, it } from 'vitest';
import type { ScapError } from '../../../src/core/errors.ts';
import type { Sha } from '../../../src/core/sha.ts';
import { chooseBase } from '../../../src/deploy/bundle-store.ts';
import { type ForgettingFacts, planForgetting } from '../../../src/deploy/maintain.ts';
import { madeLive, type PastDeploy, readLiveHistory } from '../../../src/deploy/rollback-target.ts';
import { checkSpace, estimateNeed } from '../../../src/deploy/space.ts';
import { sha } from '../../support/deploy-facts.ts';

/** `push a, push b!failed, rollback a` */
const deploys = (text: string): (PastDeploy & { readonly n: number })[] =>
  text
    .split(', ')
    .filter(Boolean)
    .map((item, at) => {
      const [kind = '', what = ''] = item.split(' ');
      const [digit = '', outcome = 'ok'] = what.split('!');
      return { n: at + 1, kind, sha: sha(digit), outcome: outcome as PastDeploy['outcome'] };
    });
const digits = (shas: Iterable<Sha>) => [...shas].map((full) => full[0]).join('');

/** `2b 5c`: the deploy repository recorded that run 2 made b what should be live, run 5 made c. */
const recorded = (text: string) =>
  new Map(
    text
      .split(' ')
      .filter(Boolean)
      .map((item) => [Number.parseInt(item, 10), sha(item.slice(-1))] as const),
  );
const history = (text: string, refs = '', live = '') =>
  readLiveHistory(deploys(text), recorded(refs), live === '' ? undefined : sha(live));

describe('readLiveHistory(): what was live', () => {
  it.each([
    ['', ''],
    ['push a', 'a'],
    ['push a, push b, push c', 'abc'],
    ['push a, push a', 'a'],
    ['push a, sync-file b, push c', 'abc'],
    ['push a, push b!partial', 'ab'],
    ['push a, push b!failed', 'a'],
    ['push a, push b!rolled-back', 'a'],
    ['push a, push b!not-rolled-back', 'a'],
    ['push a, push b!interrupted', 'a'],
    ['push a, push b!aborted', 'a'],
    ['push a, clean a', 'a'],
    ['push a, push b, clean b', 'ab'],
    ['push a, clean b', 'a'],
    ['push a, push b, rollback a', 'a'],
    ['push a, push b, push c, rollback b, rollback a', 'a'],
    ['push a, push b, push c, rollback a', 'a'],
    ['push a, push b, rollback a!failed', 'ab'],
    ['push a, push b, rollback a, push b', 'ab'],
    ['push a, push b, rollback a, push c', 'ac'],
    ['push a, push b, push a, rollback b', 'ab'],
    ['push a, push b, push a, push c, rollback a', 'aba'],
    ['push a, push b, rollback a, rollback b', 'ab'],
    ['rollback a', 'a'],
  ])('of "%s" is %s', (text, expected) => {
    expect(digits(history(text).stack)).toBe(expected);
  });

  it.each([
    ['a run that was killed after it was recorded', 'push a, push b!aborted', '1a 2b', 'b', 'ab'],
    ['that, and a push after it', 'push a, push b!aborted, push c', '1a 2b 3c', 'c', 'abc'],
    ['a rollback that was killed after it was recorded', 'push a, push b, rollback a!aborted', '1a 2b 3a', 'a', 'a'],
    ['one that was killed before it was recorded', 'push a, push b!aborted', '1a', 'a', 'a'],
    ['one whose number recorded another revision', 'push a, push b!aborted', '1a 2c', 'a', 'a'],
    ['one whose record was lost: what is live is on top', 'push a', '1a 2b', 'b', 'ab'],
    ['no record at all', '', '', 'a', 'a'],
    ['what is live already on top', 'push a, push b', '', 'b', 'ab'],
    ['what was live before, live again by no run of ours', 'push a, push b', '', 'a', 'aba'],
    ['a clean', 'push a, push b, clean b', '1a 2b', 'b', 'ab'],
    ['a repair', 'push a, push b, repair b', '1a 2b', 'b', 'ab'],
    ['nothing live', 'push a!failed', '', '', ''],
  ])('[B33] after %s', (_what, text, refs, live, expected) => {
    expect(digits(history(text, refs, live).stack)).toBe(expected);
  });
});

describe('readLiveHistory(): what was rolled back from', () => {
  it.each([
    ['', ''],
    ['push a, push b', ''],
    ['push a, push b, rollback a', 'b'],
    ['push a, push b, push c, rollback a', 'bc'],
    ['push a, push b, push c, rollback b, rollback a', 'cb'],
    ['push a, push b, rollback a, push b', ''],
    ['push a, push b, rollback a, push c', 'b'],
    ['push a, push b, rollback a, push c, rollback a', 'bc'],
    ['push a, push b, rollback a!failed', ''],
    ['push a, push b, rollback a, rollback b', ''],
    ['push a, push b, rollback a, clean a', 'b'],
    ['push a, push b!rolled-back', ''],
  ])('[B33] of "%s" are %s', (text, expected) => {
    expect(digits(history(text).rolledBack.keys())).toBe(expected);
  });

  it('[B33] by a run that was killed after it was recorded, as well', () => {
    expect([...history('push a, push b, rollback a!aborted', '1a 2b 3a', 'a').rolledBack]).toEqual([[sha('b'), 3]]);
    expect([...history('push a, push b, rollback a, push b!aborted', '3a 4b', 'b').rolledBack]).toEqual([]);
  });

  it('[B33] come with the run that went back', () => {
    expect([...history('push a, push b, push c, rollback b, rollback a').rolledBack]).toEqual([
      [sha('c'), 4],
      [sha('b'), 5],
    ]);
  });
});

describe('madeLive()', () => {
  it.each([
    ['push b', '', true],
    ['push b!partial', '', true],
    ['push b!aborted', '', false],
    ['push b!aborted', '1b', true],
    ['push b!not-rolled-back', '1b', true],
    ['push b!aborted', '1c', false],
    ['push b!aborted', '2b', false],
    ['clean b', '', false],
    ['repair b', '', false],
  ])('%s, recorded "%s": %s', (text, refs, expected) => {
    expect(deploys(text).map((record) => madeLive(record, recorded(refs)))).toEqual([expected]);
  });
});

describe('chooseBase()', () => {
  const set = (text: string) => new Set([...text].map(sha));
  it.each([
    ['what is live, when the target has it', 'abc', 'b', 'cba', 'b'],
    ['the newest both have, when it lacks what is live', 'ab', 'c', 'cba', 'b'],
    ['the newest both have, when nothing is live', 'ab', undefined, 'cba', 'b'],
    ['nothing, when both have nothing in common', 'xy', 'c', 'cba', undefined],
    ['nothing, for a new host', '', 'c', 'cba', undefined],
  ])('[B15] is %s', (_what, held, live, known, expected) => {
    expect(chooseBase(set(held), live === undefined ? undefined : sha(live), [...known].map(sha))).toBe(
      expected && sha(expected),
    );
  });
});

describe('estimateNeed()', () => {
  it('of a whole revision counts every file and directory, and the bundle twice', () => {
    expect(
      estimateNeed({
        files: 1000,
        bytes: 5_000_000,
        directories: 100,
        delta: undefined,
        bundleBytes: 1_000_000,
        heldBytes: 0,
      }),
    ).toEqual({
      bytes: 2_000_000 + 5_000_000 + 1000 * 2048 + 100 * 4096,
      inodes: 1164,
    });
  });

  it('of one that is linked counts what differs, and every directory', () => {
    expect(
      estimateNeed({
        files: 1000,
        bytes: 5_000_000,
        directories: 100,
        delta: { files: 1, bytes: 10 },
        bundleBytes: 500,
        heldBytes: 0,
      }),
    ).toEqual({
      bytes: 1000 + 10 + 2048 + 100 * 4096,
      inodes: 165,
    });
  });
});

describe('checkSpace()', () => {
  const need = { bytes: 1000, inodes: 10 };
  it.each([
    [{ freeBytes: 1000, freeInodes: 10 }, undefined],
    [{ freeBytes: 999, freeInodes: 10 }, 'Cannot fetch on mw1: 999 B free, up to 1.00 kB needed'],
    [{ freeBytes: 1000, freeInodes: 9 }, 'Cannot fetch on mw1: 9 inodes free, up to 10 needed'],
    [{ freeBytes: 1000, freeInodes: 0 }, undefined],
  ])('[B52] with %j: %s', (free, message) => {
    const check = () => checkSpace(free, need, 'mw1');
    if (message === undefined) expect(check).not.toThrow();
    else
      expect(check).toThrow(
        expect.objectContaining({
          code: 'disk_full',
          message,
          hint: expect.stringContaining('scap clean'),
        }) as ScapError,
      );
  });
});

describe('planForgetting()', () => {
  const facts = (rest: Partial<ForgettingFacts>): ForgettingFacts => ({
    deploys: new Map([...'abcdef'].map((digit, at) => [at + 1, sha(digit)])),
    revisions: new Set([...'abcdef'].map(sha)),
    needed: new Set([sha('f')]),
    keepDeploys: 3,
    slack: 0,
    ...rest,
  });
  const plan = (rest: Partial<ForgettingFacts>) => {
    const { deploys, revisions } = planForgetting(facts(rest));
    return [[...deploys].sort(), digits(revisions)];
  };

  it.each<[string, Partial<ForgettingFacts>, [number[], string]]>([
    ['forgets all but the last deploys', {}, [[1, 2, 3], 'abc']],
    ['forgets nothing before there are enough to make it worth while', { slack: 3 }, [[], '']],
    ['does then', { slack: 2 }, [[1, 2, 3], 'abc']],
    ['[B25] keeps what is needed however old', { needed: new Set([sha('a')]) }, [[2, 3], 'bc']],
    [
      'keeps a revision that was deployed again, and only the last time it was',
      {
        deploys: new Map([
          [1, sha('a')],
          [2, sha('b')],
          [3, sha('c')],
          [4, sha('a')],
          [5, sha('d')],
        ]),
        revisions: new Set([...'abcd'].map(sha)),
        needed: new Set(),
      },
      [[1, 2], 'b'],
    ],
    [
      'forgets to and fro',
      {
        deploys: new Map(Array.from({ length: 20 }, (_, at) => [at + 1, sha(at % 2 ? 'b' : 'a')])),
        revisions: new Set([...'ab'].map(sha)),
        needed: new Set([sha('b')]),
      },
      [Array.from({ length: 17 }, (_, at) => at + 1).sort(), ''],
    ],
    [
      'forgets revisions that were never deployed',
      { revisions: new Set([...'abcdefx'].map(sha)) },
      [[1, 2, 3], 'abcx'],
    ],
    [
      'forgets revisions that were never deployed when there are many of them, deploys or not',
      { deploys: new Map([[1, sha('a')]]), revisions: new Set([...'abcdef'].map(sha)) },
      [[], 'bcde'],
    ],
    [
      'keeps them until then',
      { deploys: new Map([[1, sha('a')]]), revisions: new Set([...'abcdef'].map(sha)), slack: 1 },
      [[], ''],
    ],
    [
      'has nothing to forget when nothing was deployed',
      { deploys: new Map(), revisions: new Set(), needed: new Set() },
      [[], ''],
    ],
  ])('%s', (_what, rest, expected) => {
    expect(plan(rest)).toEqual(expected);
  });
});
