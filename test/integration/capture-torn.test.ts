import fs, {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { emptyManifest } from '../../src/core/manifest.ts';
import { emptyIndex } from '../../src/git/index-builder.ts';
import { createIndexCursor, parseIndex } from '../../src/git/index-file.ts';
import { objectId } from '../../src/git/object-id.ts';
import { type BlobStore, type CaptureOptions, captureStaging, hashOnly } from '../../src/staging/capture.ts';
import { confirmSnapshot } from '../../src/staging/confirm.ts';
import { createExcluder, type Excluder } from '../../src/staging/exclude.ts';
import { createStagingWalk } from '../../src/staging/walk.ts';
import { createStagingWorld, refusal } from '../support/staging-world.ts';
import { useTempDirs } from '../support/temp-dir.ts';
import { directory, file, link, type Tree, writeTree } from '../support/tree-builder.ts';
import { asUnprivileged } from '../support/unprivileged.ts';

const tempDir = useTempDirs();
let root: string;
beforeEach(() => {
  root = tempDir();
});
afterEach(() => vi.useRealTimers());

const at = (path: string) => join(root, path);

function capture(options: Partial<CaptureOptions> = {}) {
  return captureStaging({
    root,
    excluder: createExcluder([]),
    base: emptyIndex(),
    baseTimes: new Uint32Array(),
    baseManifest: emptyManifest,
    store: hashOnly,
    ...options,
  });
}

/** A store during whose first `add` of `content` something happens to the tree. */
function disturbed(content: string, disturb: () => void): BlobStore {
  let done = false;
  return {
    add: (type, bytes) => {
      if (!done && bytes.toString('latin1') === content) {
        done = true;
        disturb();
      }
      return hashOnly.add(type, bytes);
    },
    addLarge: hashOnly.addLarge,
  };
}

/** The capture visits a, m and z in this order and is disturbed at m. */
const tree: Tree = {
  'a/file': file('a'),
  'a/keep': file('keep'),
  link: link('a/file'),
  m: file('middle'),
  n: file('next'),
  'z/file': file('z'),
  'z/keep': file('keep'),
  empty: directory(),
};

async function tornPaths(disturb: () => void, options: Partial<CaptureOptions> = {}): Promise<unknown> {
  const { code, data } = await refusal(capture({ store: disturbed('middle', disturb), ...options }));
  expect(code).toBe('staging_changed');
  return data.paths;
}

describe('[I3][B7] staging that changes while it is read is detected and named', () => {
  beforeEach(() => writeTree(root, tree));

  const cases: readonly (readonly [string, () => void, readonly string[]])[] = [
    ['a file that was read already grows', () => appendFileSync(at('a/file'), '!'), ['a/file']],
    ['a file that was read already keeps its size', () => writeFileSync(at('a/file'), 'b'), ['a/file']],
    ['a file that was read already vanishes', () => rmSync(at('a/file')), ['a/file']],
    ['a file that was read already is replaced by an equal one', () => replace('a/file', 'a'), ['a/file']],
    ['a file that was read already gets the executable bit', () => chmodSync(at('a/file'), 0o755), ['a/file']],
    ['a file that was read already gets a restrictive mode', () => chmodSync(at('a/file'), 0o600), ['a/file']],
    ['a file appears where it was read already', () => writeFileSync(at('a/new'), ''), ['a/new']],
    ['a link that was read already leads elsewhere', relink, ['link']],
    [
      'a directory that was read already is renamed',
      () => renameSync(at('a'), at('b')),
      ['a/file', 'a/keep', 'b/file', 'b/keep'],
    ],
    ['a directory that was read already gets a restrictive mode', () => chmodSync(at('a'), 0o700), ['a']],
    ['an empty directory appears', () => mkdirSync(at('a/hollow')), ['a/hollow']],
    ['an empty directory vanishes', () => rmSync(at('empty'), { recursive: true }), ['empty']],
    ['the root gets a restrictive mode', () => chmodSync(root, 0o750), ['.']],
    ['a file becomes a directory', becomeDirectory, ['a/file', 'a/file/x']],
  ];

  it.each(cases)('%s', async (_, disturb, expected) => {
    const paths = (await tornPaths(disturb)) as string[];
    // A rename or a new entry also moves its directory's stat data, which nobody needs to hear of.
    expect(paths.toSorted()).toEqual([...expected].sort());
  });

  it('also when the only difference so far is an empty directory', async () => {
    const first = await capture();
    mkdirSync(at('z/hollow'));
    const gate: Excluder = {
      patterns: [],
      excludes: (path) => {
        if (path === 'z/keep') writeFileSync(at('a/file'), 'b');
        return false;
      },
    };
    const { index, times: baseTimes, manifest: baseManifest } = first;
    const base = parseIndex(index.finish(Buffer.from('{}')));
    const { code, data } = await refusal(capture({ base, baseTimes, baseManifest, excluder: gate }));
    expect({ code, paths: data.paths }).toEqual({ code: 'staging_changed', paths: ['a/file'] });
  });

  it('a file that was listed vanishes before it is read', async () => {
    expect(await tornPaths(() => rmSync(at('n')))).toEqual(['n']);
  });

  it('a directory that was listed vanishes before it is read', async () => {
    expect(await tornPaths(() => rmSync(at('z'), { recursive: true }))).toEqual(['z']);
  });

  it('a file that was listed grows before it is read', async () => {
    expect(await tornPaths(() => appendFileSync(at('n'), '!'))).toEqual(['n']);
  });

  it('what changes before it is looked at is simply captured as it then is', async () => {
    const { files } = await capture({ store: disturbed('middle', () => writeFileSync(at('z/new'), 'new')) });
    expect(files).toBe(8);
  });

  it('a change in what is excluded does not matter', async () => {
    const { files } = await capture({
      excluder: createExcluder(['a/file', '*.swp']),
      store: disturbed('middle', () => {
        writeFileSync(at('a/file'), 'other');
        writeFileSync(at('a/.f.swp'), '');
      }),
    });
    expect(files).toBe(6);
  });

  function replace(path: string, content: string): void {
    writeFileSync(at('fresh'), content);
    renameSync(at('fresh'), at(path));
  }
  function relink(): void {
    rmSync(at('link'));
    symlinkSync('m', at('link'));
  }
  function becomeDirectory(): void {
    rmSync(at('a/file'));
    mkdirSync(at('a/file'));
    writeFileSync(at('a/file/x'), '');
  }
});

describe('[I3][B7] a directory that is swapped for another and back is no state the tree ever was in', () => {
  const large = 9 * 1024 * 1024;
  const swapIn = () => {
    renameSync(at('d'), at('d.away'));
    renameSync(at('other'), at('d'));
  };
  const swapBack = () => {
    renameSync(at('d'), at('other'));
    renameSync(at('d.away'), at('d'));
  };
  /** Somebody acts when the walk has looked at one path, before anything below its directory is read. */
  const acting = (acts: Readonly<Record<string, () => void>>): Excluder => {
    const left = new Map(Object.entries(acts));
    return {
      patterns: [],
      excludes: (path) => {
        const act = left.get(path);
        left.delete(path);
        act?.();
        return ['other', 'd.away'].includes(path);
      },
    };
  };
  const staged = (inside: Tree) => {
    for (const name of ['d', 'other']) {
      for (const [path, node] of Object.entries(inside)) writeTree(root, { [`${name}/${path}`]: node });
    }
    writeTree(root, { e: directory(), 'e/f': file('1') });
  };
  const torn = async (options: Partial<CaptureOptions>) => {
    const { code, data } = await refusal(capture(options));
    expect(code).toBe('staging_changed');
    return data.paths;
  };

  it.each<[string, Tree, string[]]>([
    ['a small file', { x: file('x') }, ['d/x']],
    ['a file whose name in the other directory has the same content', { x: file('x'), y: file('y') }, ['d/x', 'd/y']],
    ['a large file', { x: file('x'.repeat(large)) }, ['d/x']],
    ['a link', { x: link('to') }, ['d/x']],
    ['an empty file', { x: file('') }, ['d/x']],
    ['a file of the same mode and size, deeper', { 's/x': file('x') }, ['d/s/x']],
  ])('%s, read in the other', async (_what, inside, expected) => {
    staged(inside);
    const last = expected.at(-1) as string;
    expect(await torn({ excluder: acting({ [last]: swapIn, 'e/f': swapBack }) })).toEqual(expected);
  });

  it('where a file stands in one directory and a link, or nothing, in the other', async () => {
    writeTree(root, {
      'd/x': file('1'),
      'd/y': link('1'),
      'd/z': file('1'),
      'other/x': link('z'),
      'other/y': file('1'),
    });
    writeTree(root, { 'e/f': file('1') });
    expect(await torn({ excluder: acting({ 'd/z': swapIn, 'e/f': swapBack }) })).toEqual(['d/x', 'd/y', 'd/z']);
  });

  it('a link, also when the swap is over before anybody looks again', async () => {
    writeTree(root, { 'd/x': link('mine'), 'other/x': link('evil'), 'e/f': file('1') });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    const real = fs.readlinkSync;
    let swaps = 0;
    const swapped = (...args: Parameters<typeof real>) => {
      if (swaps++ > 0) return real(...args);
      swapIn();
      try {
        return real(...args);
      } finally {
        swapBack();
      }
    };
    fs.readlinkSync = swapped as typeof real;
    syncBuiltinESMExports();
    try {
      expect(await torn({ excluder: acting({}) })).toEqual(['d/x']);
      expect(swaps).toBeGreaterThan(1);
    } finally {
      fs.readlinkSync = real;
      syncBuiltinESMExports();
    }
  });

  it('and one that comes to stay is told by its paths', async () => {
    staged({ x: file('x') });
    expect(await torn({ excluder: acting({ 'd/x': swapIn }) })).toContain('d/x');
  });
});

it('[B7] a large file that grows while it is streamed is named, and no half of it is kept', async () => {
  writeTree(root, { 'big.bin': file('x'.repeat(9 * 1024 * 1024)) });
  const store: BlobStore = {
    add: hashOnly.add,
    addLarge: (sizeBytes, pieces) => {
      appendFileSync(at('big.bin'), 'more');
      return hashOnly.addLarge(sizeBytes, pieces);
    },
  };
  expect(await refusal(capture({ store }))).toMatchObject({ code: 'staging_changed', data: { paths: ['big.bin'] } });
});

it('[B6] a large file that cannot be opened ends nothing but the capture, also when the store is slow to read it', async () => {
  writeTree(root, { 'big.bin': file('x'.repeat(9 * 1024 * 1024), 0o000) });
  const store: BlobStore = {
    add: hashOnly.add,
    addLarge: async (sizeBytes, pieces) => {
      await open(at('big.bin')).catch(() => {});
      await new Promise((resolve) => setImmediate(resolve));
      return hashOnly.addLarge(sizeBytes, pieces);
    },
  };
  const { code, data } = await asUnprivileged(() => refusal(capture({ store })));
  expect({ code, paths: data.paths }).toEqual({
    code: 'staging_uncapturable',
    paths: [{ path: 'big.bin', reason: 'unreadable' }],
  });
});

it('[I3] a torn snapshot is not committed, and the next push of the same tree is whole', async () => {
  const world = await createStagingWorld(tempDir());
  writeTree(world.staging, { a: file('1') });
  const before = await world.push();
  // Long enough for the walk to report its progress half-way: that is the moment somebody edits.
  for (let n = 0; n < 1100; n++) writeFileSync(join(world.staging, `f${n}`), `${n}`);
  const stop = world.bus.listen((event) => {
    if (event.type === 'staging.scanned' && !event.done) writeFileSync(join(world.staging, 'a'), '2');
  });
  expect(await refusal(world.prepare())).toMatchObject({ code: 'staging_changed', data: { paths: ['a'] } });
  stop();
  expect(world.repository.main()).toBe(before);
  const { created, differences } = await world.prepare();
  expect({ created, changed: differences.length }).toEqual({ created: true, changed: 1101 });
});

it('the capture stops when asked to', async () => {
  for (let n = 0; n < 1100; n++) writeFileSync(at(`f${n}`), '');
  const error = await refusal(capture({ signal: AbortSignal.abort() }));
  expect(error.code).toBe('interrupted');
});

describe('a file that changes again within one tick of the clock', () => {
  it('[B7] between the passes is found by its content', async () => {
    for (let round = 0; round < 20; round++) {
      writeTree(root, { a: file('one'), m: file('middle') });
      const disturb = () => writeFileSync(at('a'), 'two');
      expect(await tornPaths(disturb)).toEqual(['a']);
    }
  });

  it('[B7] after the capture is found by the next one: young files are not trusted', async () => {
    for (let round = 0; round < 50; round++) {
      writeTree(root, { a: file('one') });
      const first = await capture();
      writeFileSync(at('a'), 'two');
      const base = parseIndex(first.index.finish(Buffer.from('{}')));
      const second = await capture({ base, baseTimes: first.times });
      expect(second.changes.map(({ path }) => path)).toEqual(['a']);
    }
  });
});

describe('a file that changed a moment ago', () => {
  // Whether two changes can share a time is up to the kernel; these hold where it never happens, too.
  const inodesOf = ({ index }: { readonly index: { finish(note: Buffer): Buffer } }) => {
    const inodes: Record<string, number> = {};
    const cursor = createIndexCursor(parseIndex(index.finish(Buffer.from('{}'))));
    for (; !cursor.done; cursor.advance()) inodes[cursor.path] = cursor.stat.ino;
    return inodes;
  };

  it('[I1] is not vouched for by its stat data; one that did not is', async () => {
    writeTree(root, { a: file('one') });
    expect(inodesOf(await capture())).toEqual({ a: 0 });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    expect(inodesOf(await capture())).toEqual({ a: lstatSync(at('a')).ino });
  });

  it('[I3] is confirmed by its content, whatever its stat data say', async () => {
    writeTree(root, { a: file('one'), b: file('two') });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    const expected = parseIndex((await capture()).index.finish(Buffer.from('{}')));
    const walk = createStagingWalk(root, createExcluder([]));
    const seen = [...walk.files()].map(({ path }) => path);
    const confirm = (content: string) =>
      confirmSnapshot({
        root,
        excluder: createExcluder([]),
        expected,
        findings: walk.findings,
        young: new Map(),
        rehash: new Map([['b', objectId('blob', Buffer.from(content))]]),
        inScope: () => true,
      });
    expect(seen).toEqual(['a', 'b']);
    await confirm('two');
    expect(await refusal(confirm('2.0'))).toMatchObject({ code: 'staging_changed', data: { paths: ['b'] } });
  });
});
