import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { emptyManifest, gitMode, manifestPath } from '../../../src/core/manifest.ts';
import type { Sha } from '../../../src/core/sha.ts';
import {
  type CtimeWindow,
  closeOpenWindows,
  forgetWindows,
  isSuspicious,
  readWindows,
  toCtimeMs,
  withinWindow,
} from '../../../src/target/ctime-windows.ts';
import { createTargetLayout } from '../../../src/target/layout.ts';
import { createEntryResolver, entryBits } from '../../../src/target/materialise/revision-source.ts';
import { planRetention, type RetentionFacts, type RetentionRule } from '../../../src/target/retention.ts';
import { FetchStage } from '../../../src/target/stages/fetch.ts';
import { retentionRule } from '../../../src/target/stages/finalize.ts';
import { PromoteStage } from '../../../src/target/stages/promote.ts';
import { numberParam, shaParam } from '../../../src/target/stages/stage.ts';
import { previousOf, type Swap, type TargetState } from '../../../src/target/state.ts';
import { sha } from '../../support/deploy-facts.ts';

describe('planRetention()', () => {
  const now = 1_000_000;
  const shas = (text: string) => [...text].map(sha);
  /** `complete` newest first. */
  const prune = (complete: string, rest: Partial<RetentionFacts> = {}, rule: Partial<RetentionRule> = {}) => {
    const facts = {
      complete: shas(complete),
      live: undefined,
      previous: undefined,
      pinned: new Set<Sha>(),
      lastLiveAt: new Map(),
      inUse: new Set<Sha>(),
      now,
      ...rest,
    };
    return planRetention(facts, { keep: 2, graceMs: 1000, ...rule })
      .map((full) => full[0])
      .join('');
  };

  it.each<[string, string, Partial<RetentionFacts>, Partial<RetentionRule>, string]>([
    ['nothing when there is nothing', '', {}, {}, ''],
    ['nothing up to the number to keep', 'ba', {}, {}, ''],
    ['the oldest first', 'edcba', {}, {}, 'abc'],
    ['never the live one, however old', 'edcba', { live: sha('a') }, {}, 'bcd'],
    ['never the one before it', 'edcba', { live: sha('e'), previous: sha('a') }, {}, 'bcd'],
    ['never a pinned one', 'edcba', { pinned: new Set(shas('ab')) }, {}, 'cde'],
    ['never one in use', 'edcba', { inUse: new Set(shas('c')) }, {}, 'abd'],
    ['never one that was live a moment ago', 'edcba', { lastLiveAt: new Map([[sha('a'), now - 999]]) }, {}, 'bcd'],
    ['one whose grace is just over', 'edcba', { lastLiveAt: new Map([[sha('a'), now - 1000]]) }, {}, 'abc'],
    ['without any grace', 'edcba', { lastLiveAt: new Map([[sha('a'), now]]) }, { graceMs: 0 }, 'abc'],
    ['no more than the excess', 'edcba', {}, { keep: 4 }, 'a'],
    ['all that may go when none is to be kept', 'cba', { live: sha('c'), previous: sha('b') }, { keep: 0 }, 'a'],
    [
      'nothing when all is protected',
      'cba',
      { live: sha('c'), previous: sha('b'), pinned: new Set(shas('a')) },
      { keep: 0 },
      '',
    ],
    [
      'fewer than the excess rather than a protected one',
      'edcba',
      { live: sha('e'), previous: sha('d'), inUse: new Set(shas('ab')) },
      {},
      'c',
    ],
  ])('[B25] prunes %s', (_what, complete, facts, rule, expected) => {
    expect(prune(complete, facts, rule)).toBe(expected);
  });
});

describe('previousOf()', () => {
  /** `-a ab bc`: from nothing to a, from a to b … */
  const state = (swaps: string): TargetState => ({
    version: 1,
    fence: 1,
    pinned: [],
    swaps: swaps
      .split(' ')
      .filter(Boolean)
      .map(
        (pair): Swap => ({
          from: pair[0] === '-' ? null : sha(pair[0] as string),
          to: pair[1] === '-' ? null : sha(pair[1] as string),
          at: 1,
          fence: 1,
        }),
      ),
  });

  it.each([
    ['nothing remembered', '', 'a', undefined],
    ['a first deploy', '-a', 'a', undefined],
    ['a second', '-a ab', 'b', 'a'],
    ['a rollback', '-a ab ba', 'a', 'b'],
    ['a swap to the same', '-a ab bb', 'b', 'a'],
    ['a kill between the switch and its record', '-a ab', 'c', 'b'],
    ['a kill in the first deploy', '', 'a', undefined],
    ['a live path that was taken away', '-a a-', undefined, 'a'],
    ['a live path that somebody else took away', '-a ab', undefined, 'b'],
  ])('after %s', (_what, swaps, live, expected) => {
    expect(previousOf(state(swaps), live === undefined ? undefined : sha(live))).toBe(expected && sha(expected));
  });
});

describe('isSuspicious()', () => {
  const windows: CtimeWindow[] = [
    { from: 1000, to: 2000 },
    { from: 5000, to: null },
  ];
  it.each<[number, number, boolean, string]>([
    [500, 600, false, 'changed before it was verified'],
    [600, 600, false, 'changed when it was verified'],
    [700, 600, true, 'changed after it was verified'],
    [1500, 600, false, 'changed in a window of ours'],
    [1000, 600, false, 'changed at the beginning of a window'],
    [999.999, 600, true, 'changed just before a window'],
    [2000, 600, false, 'changed at the end of a window'],
    [2001, 600, true, 'changed just after a window'],
    [9_999_999, 600, false, 'changed in a window that is still open'],
  ])('ctime %i, verified at %i: %s (%s)', (ctimeMs, verifiedAt, expected) => {
    expect(isSuspicious(ctimeMs, verifiedAt, windows)).toBe(expected);
  });

  it('without windows everything after verification is', () => {
    expect(isSuspicious(601, 600, [])).toBe(true);
  });
});

describe('windows left open', () => {
  const minute = 60_000;
  const start = 1_000_000_000;
  let cache: string;
  let layout: ReturnType<typeof createTargetLayout>;
  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), 'scap-test-'));
    layout = createTargetLayout(cache, join(cache, 'live'));
    vi.useFakeTimers({ toFake: ['Date'], now: start });
  });
  afterEach(() => {
    vi.useRealTimers();
    rmSync(cache, { recursive: true });
  });
  const note = (...windows: CtimeWindow[]) => writeFileSync(layout.ctimeWindows, JSON.stringify(windows));

  it.each([
    ['a moment ago ends now', start - 1000, start],
    ['ten minutes ago ends now', start - 10 * minute, start],
    ['yesterday ends ten minutes after it began', start - 1440 * minute, start - 1430 * minute],
  ])('[B27] by an agent killed %s', (_what, from, to) => {
    note({ from: 1, to: 2 }, { from, to: null });
    closeOpenWindows(layout);
    expect(readWindows(layout)).toEqual([
      { from: 1, to: 2 },
      { from, to },
    ]);
    expect(isSuspicious(to + 1, 0, readWindows(layout))).toBe(true);
  });

  it('closes each by its own beginning, and leaves the file alone when none is open', () => {
    note({ from: start - 60 * minute, to: null }, { from: start - 5, to: null });
    closeOpenWindows(layout);
    expect(readWindows(layout)).toEqual([
      { from: start - 60 * minute, to: start - 50 * minute },
      { from: start - 5, to: start },
    ]);
    rmSync(layout.ctimeWindows);
    mkdirSync(layout.ctimeWindows);
    closeOpenWindows(layout);
    expect(readWindows(layout)).toEqual([]);
    rmSync(layout.ctimeWindows, { recursive: true });
  });
});

describe('withinWindow()', () => {
  let cache: string;
  let layout: ReturnType<typeof createTargetLayout>;
  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), 'scap-test-'));
    layout = createTargetLayout(cache, join(cache, 'live'));
  });
  afterEach(() => rmSync(cache, { recursive: true }));
  const touch = (name: string) => {
    writeFileSync(join(cache, name), '');
    return toCtimeMs(statSync(join(cache, name), { bigint: true }));
  };

  it('is on disk before the work begins, and closed after it however it ended', async () => {
    let during: CtimeWindow[] = [];
    const failing = withinWindow(layout, async () => {
      during = readWindows(layout);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(during).toEqual([{ from: expect.any(Number), to: null }]);
    const [{ from, to }] = readWindows(layout) as [CtimeWindow];
    expect(from).toBe(during[0]?.from);
    expect(to).toBeGreaterThanOrEqual(from);
    forgetWindows(layout);
    expect(readWindows(layout)).toEqual([]);
  });

  it('[B27] holds every change made in it and none made a moment before', async () => {
    for (let round = 0; round < 30; round++) {
      const before = touch(`before-${round}`);
      const inside: number[] = [];
      await withinWindow(layout, async () => {
        inside.push(touch(`first-${round}`));
        if (round % 3 === 0) await sleep(round % 7);
        inside.push(touch(`last-${round}`));
      });
      const windows = readWindows(layout);
      expect(isSuspicious(before, 0, windows), `${before} in ${JSON.stringify(windows.at(-1))}`).toBe(true);
      expect(inside.map((ctimeMs) => isSuspicious(ctimeMs, 0, windows))).toEqual([false, false]);
    }
  });
});

describe('createEntryResolver()', () => {
  const source = {
    sha: sha('a'),
    manifest: { ...emptyManifest, modes: new Map([['b', 0o640]]) },
    times: new Uint32Array([10, 20, 30, 99]),
  };

  it('gives files their times in index order, the manifest the last', () => {
    const resolve = createEntryResolver(source).entry;
    expect(resolve(manifestPath, gitMode.file, sha('1'))).toEqual({
      path: manifestPath,
      mode: gitMode.file,
      oid: sha('1'),
      time: 99,
      bits: 0o644,
    });
    expect(resolve('a', gitMode.executable, sha('2'))).toMatchObject({ time: 10, bits: 0o755 });
    expect(resolve('b', gitMode.file, sha('3'))).toMatchObject({ time: 20, bits: 0o640 });
    expect(resolve('c', gitMode.symlink, sha('4'))).toMatchObject({ time: 30, bits: 0 });
  });

  it.each([[0o160000], [0o040000], [0o100664]])('[B3] refuses an entry of mode %o', (mode) => {
    expect(() => createEntryResolver(source).entry('a', mode, sha('1'))).toThrow(
      expect.objectContaining({ code: 'repository_damaged' }),
    );
  });

  it.each([
    ['..'],
    ['.'],
    ['../a'],
    ['a/..'],
    ['a/../b'],
    ['./a'],
    ['a/./b'],
    ['a/.'],
    [''],
    ['/a'],
    ['/'],
    ['a/'],
    ['a//b'],
    ['a\0b'],
    ['\0'],
  ])('[I7] refuses the path %j: nothing is written outside', (path) => {
    expect(() => createEntryResolver(source).entry(path, gitMode.file, sha('1'))).toThrow(
      expect.objectContaining({ code: 'repository_damaged' }),
    );
  });

  it.each([['...'], ['..a'], ['a..'], ['.a/..b/c.'], ['a/.../b'], ['a\nb'], ['\xff']])(
    'takes the path %j, which only looks like one',
    (path) => {
      expect(createEntryResolver(source).entry(path, gitMode.file, sha('1')).path).toBe(path);
    },
  );

  it.each([
    ['b', 'a'],
    ['a', 'a'],
    ['a/b', 'a'],
    ['a/b', 'a-b'],
    ['b', 'B'],
  ])('[I7] refuses %j followed by %j: no tree of ours has that order', (first, second) => {
    const resolve = createEntryResolver(source).entry;
    resolve(first, gitMode.file, sha('1'));
    expect(() => resolve(second, gitMode.symlink, sha('2'))).toThrow(
      expect.objectContaining({ code: 'repository_damaged' }),
    );
  });

  it('refuses times that are too few', () => {
    const resolve = createEntryResolver({ ...source, times: new Uint32Array([10]) }).entry;
    resolve('a', gitMode.file, sha('1'));
    expect(() => resolve('b', gitMode.file, sha('1'))).toThrow('its file times are too few');
  });

  it('entryBits() are the ordinary ones unless the manifest says otherwise', () => {
    expect([
      entryBits(source.manifest, 'x', gitMode.file),
      entryBits(source.manifest, 'x', gitMode.executable),
      entryBits(source.manifest, 'b', gitMode.file),
    ]).toEqual([0o644, 0o755, 0o640]);
  });
});

describe('createTargetLayout()', () => {
  it('says where everything lies', () => {
    const { revision, marker, index, bundle, ...paths } = createTargetLayout('/c', '/srv/live');
    expect(paths).toMatchObject({
      cache: '/c',
      live: '/srv/live',
      repo: '/c/repo.git',
      revs: '/c/revs',
      meta: '/c/meta',
      work: '/c/work',
      state: '/c/state.json',
      lock: '/c/lock',
    });
    expect([revision(sha('a')), marker(sha('a')), index(sha('a')), bundle('ff')]).toEqual([
      `/c/revs/${sha('a')}`,
      `/c/meta/${sha('a')}.json`,
      `/c/meta/${sha('a')}.index`,
      '/c/work/bundle-ff',
    ]);
  });
});

describe('stage parameters', () => {
  const violation = expect.objectContaining({ code: 'protocol_violation' });

  it.each([[undefined], [null], ['7'], [-1], [Number.NaN], [Number.POSITIVE_INFINITY], [{}]])(
    'numberParam() refuses %j',
    (value) => {
      expect(() => numberParam({ n: value }, 'n')).toThrow(violation);
    },
  );

  it.each([
    [undefined],
    [null],
    [''],
    ['abc'],
    ['A'.repeat(40)],
    [`${'a'.repeat(39)}/`],
    ['../'.repeat(13)],
    [7],
    [['a'.repeat(40)]],
  ])('shaParam() refuses %j', (value) => {
    expect(() => shaParam({ sha: value }, 'sha')).toThrow(violation);
  });

  it('fetch takes a revision and, only when it is one, the name of a bundle', () => {
    const parse = (params: object) => new FetchStage().parse({ fence: 1, revision: sha('a'), ...params });
    expect(parse({})).toMatchObject({ fence: 1, revision: sha('a'), bundle: undefined, adopt: false });
    expect(parse({ bundle: 'f'.repeat(64), adopt: true })).toMatchObject({
      fence: 1,
      revision: sha('a'),
      bundle: 'f'.repeat(64),
      adopt: true,
    });
    expect(parse({ bundle: '../../etc/passwd', adopt: 'yes' })).toMatchObject({ bundle: undefined, adopt: false });
    expect(() => parse({ revision: 'HEAD' })).toThrow(violation);
    expect(() => parse({ fence: undefined })).toThrow(violation);
  });

  it('promote takes a revision or null, and nothing else', () => {
    const parse = (revision: unknown) => new PromoteStage().parse({ fence: 1, revision });
    expect([parse(sha('a')).revision, parse(null).revision]).toEqual([sha('a'), null]);
    for (const nonsense of [undefined, '', 'main', 7]) expect(() => parse(nonsense)).toThrow(violation);
  });

  it('promote takes where to put back from, as text only', () => {
    const parse = (putBack: unknown) => new PromoteStage().parse({ fence: 1, revision: null, putBack }).putBack;
    expect(parse('/live.before-scap-x')).toBe('/live.before-scap-x');
    for (const nonsense of [undefined, null, 7, ['x'], {}]) expect(parse(nonsense)).toBeUndefined();
  });

  it('retentionRule() needs both numbers', () => {
    expect(retentionRule({ keep: 3, graceMs: 0 })).toEqual({ keep: 3, graceMs: 0 });
    expect(() => retentionRule({ keep: 3 })).toThrow(violation);
    expect(() => retentionRule({ graceMs: 3 })).toThrow(violation);
  });
});
