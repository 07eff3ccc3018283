// A deploy repository that somebody else has written to: no tree it can hold makes a target write outside its work directory.
import { chmodSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Sha } from '../../src/core/sha.ts';
import { revisionRef, timesRef } from '../../src/git/bundle.ts';
import { recordRef } from '../../src/revision/deploy-repository.ts';
import { encodeTimes } from '../../src/revision/file-times.ts';
import { git, gitLine } from '../support/git-oracle.ts';
import { fingerprint } from '../support/operator.ts';
import { createStagingWorld, refusal, type StagingWorld } from '../support/staging-world.ts';
import { createTargetWorld, type TargetWorld } from '../support/target-world.ts';
import { useTempDirs } from '../support/temp-dir.ts';
import { file, readTree, writeTree } from '../support/tree-builder.ts';

const tempDir = useTempDirs();
let base: string;
let world: StagingWorld;
let target: TargetWorld;
let honest: Sha;
let outside: string;
beforeEach(async () => {
  base = tempDir();
  world = await createStagingWorld(base);
  target = createTargetWorld(join(base, 'web1'), world);
  outside = join(base, 'outside');
  mkdirSync(join(outside, 'sub'), { recursive: true });
  chmodSync(join(outside, 'sub'), 0o700);
  writeFileSync(join(outside, 'f'), 'mine');
  writeTree(world.staging, { a: file('1'), 'd/f': file('1') });
  honest = await world.push();
});

const inRepository = (...args: string[]) => ['--git-dir', world.repository.git.gitDir, ...args];
const blob = (content: string | Buffer) => gitLine(inRepository('hash-object', '-w', '--stdin'), { input: content });

interface Entry {
  readonly name: string;
  readonly content?: string;
  readonly link?: string;
  readonly tree?: readonly Entry[];
}

/** Stock git refuses none of this when it is asked for with `mktree` or `hash-object --literally`. */
function makeTree(entries: readonly Entry[]): string {
  const raw = entries.map(({ name, content, link, tree }) => {
    const [mode, oid] =
      tree !== undefined
        ? ['40000', makeTree(tree)]
        : link !== undefined
          ? ['120000', blob(link)]
          : ['100644', blob(content ?? '')];
    return Buffer.concat([Buffer.from(`${mode} ${name}\0`, 'latin1'), Buffer.from(oid, 'hex')]);
  });
  return gitLine(inRepository('hash-object', '-w', '-t', 'tree', '--literally', '--stdin'), {
    input: Buffer.concat(raw),
  });
}

async function makeRevision(entries: readonly Entry[]): Promise<Sha> {
  return commit(makeTree(entries));
}

async function commit(tree: string): Promise<Sha> {
  const sha = gitLine(inRepository('commit-tree', tree, '-m', 'hostile')) as Sha;
  const times = blob(encodeTimes(new Uint32Array(20).fill(1_700_000_000))) as Sha;
  const record = gitLine(inRepository('rev-parse', recordRef(honest))) as Sha;
  await world.repository.update(
    new Map([
      [revisionRef(sha), sha],
      [timesRef(sha), times],
      [recordRef(sha), record],
    ]),
  );
  return sha;
}

const manifestOf = (manifest: object): Entry => ({
  name: '.scap',
  tree: [
    { name: 'manifest.json', content: JSON.stringify({ version: 1, emptyDirectories: [], modes: {}, ...manifest }) },
  ],
});
const evil: Entry = { name: 'evil', content: 'evil' };

const hostile: readonly (readonly [string, () => readonly Entry[]])[] = [
  ['an entry ".." that is a directory', () => [{ name: '..', tree: [evil] }]],
  ['entries ".." within each other', () => [{ name: '..', tree: [{ name: '..', tree: [evil] }] }]],
  ['an entry ".." that is a file', () => [{ name: '..', content: 'evil' }]],
  ['an entry "." that is a directory', () => [{ name: '.', tree: [evil] }]],
  ['an entry without a name', () => [{ name: '', tree: [evil] }]],
  ['a name with a slash', () => [{ name: '../../evil', content: 'evil' }]],
  ['an absolute name', () => [{ name: `${outside}/evil`, content: 'evil' }]],
  [
    'a link and a directory of one name',
    () => [
      { name: 'x', link: outside },
      { name: 'x', tree: [evil] },
    ],
  ],
  [
    'a directory and a link of one name',
    () => [
      { name: 'x', tree: [evil] },
      { name: 'x', link: outside },
    ],
  ],
  [
    'a link and a directory of one name, the file there already',
    () => [
      { name: 'x', link: outside },
      { name: 'x', tree: [{ name: 'f', content: 'evil' }] },
    ],
  ],
  [
    'a link twice',
    () => [
      { name: 'x', link: outside },
      { name: 'x', link: outside },
    ],
  ],
  [
    'a link and a name below it',
    () => [
      { name: 'x', link: outside },
      { name: 'x/evil', content: 'evil' },
    ],
  ],
  [
    'an empty directory below a link',
    () => [manifestOf({ emptyDirectories: ['x/evil'] }), { name: 'x', link: outside }],
  ],
  ['an empty directory outside', () => [manifestOf({ emptyDirectories: ['../evil'] }), { name: 'x', content: '' }]],
  ['a mode outside', () => [manifestOf({ modes: { '../../../outside/sub': '0777' } }), { name: 'x', content: '' }]],
];

async function expectRefused(sha: Sha, on: Sha | undefined): Promise<void> {
  const before = fingerprint(outside);
  const served = on && readTree(target.layout.revision(on));
  const error = await refusal(target.deploy(sha, on).catch(asRefusal));
  expect(['repository_damaged', 'bundle_damaged', 'io_failed', 'process_failed']).toContain(error.code);
  expect(fingerprint(outside)).toEqual(before);
  expect(readdirSync(base).sort()).toEqual(['outside', 'staging', 'state', 'web1']);
  expect(readdirSync(join(base, 'web1')).sort()).toEqual(on === undefined ? ['cache'] : ['cache', 'live']);
  expect(readdirSync(target.layout.cache)).not.toContain('evil');
  expect(readdirSync(target.layout.work)).not.toContain('evil');
  expect(readdirSync(target.layout.revs)).toEqual(on === undefined ? [] : [on]);
  if (on !== undefined) expect(readTree(target.layout.revision(on))).toEqual(served);
}

/** What the file system refused is a refusal as well. */
async function asRefusal(error: unknown): Promise<never> {
  const { toScapError } = await import('../../src/core/errors.ts');
  throw toScapError(error) ?? error;
}

describe('[I7] a hostile revision writes nothing outside of the work directory and never goes live', () => {
  it.each(hostile)('made from nothing: %s', async (_what, entries) => {
    await expectRefused(await makeRevision(entries()), undefined);
  });

  it.each(hostile)('made from the revision before: %s', async (_what, entries) => {
    await target.deploy(honest, undefined);
    await expectRefused(await makeRevision(entries()), honest);
  });

  it('removes nothing through a link that stood there before, by linking or by recycling', async () => {
    const before = fingerprint(outside);
    const honestLink = await makeRevision([
      { name: 'a', content: '1' },
      { name: 'x', link: outside },
    ]);
    const through = await makeRevision([
      { name: 'a', content: '1' },
      { name: 'x', link: outside },
      { name: 'x', tree: [{ name: 'f', content: 'evil' }] },
    ]);
    await target.deploy(honestLink, undefined);
    for (let attempt = 0; attempt < 2; attempt++) {
      await refusal(target.deploy(through, honestLink).catch(asRefusal));
      expect(fingerprint(outside)).toEqual(before);
    }
  });

  it('as stock git makes it with mktree', async () => {
    const inner = git(inRepository('mktree'), { input: `100644 blob ${blob('evil')}\tevil\n` })
      .toString()
      .trim();
    for (const lines of [
      [`040000 tree ${inner}\t..`],
      [`120000 blob ${blob(outside)}\tx`, `040000 tree ${inner}\tx`],
    ]) {
      const tree = gitLine(inRepository('mktree'), { input: `${lines.join('\n')}\n` });
      await expectRefused(await commit(tree), undefined);
    }
  });

  it('changes no mode through a link, by whatever way it is made', async () => {
    const through = [
      manifestOf({ modes: { 'x/sub': '0777' } }),
      { name: 'a', content: '2' },
      { name: 'x', link: outside },
    ];
    const sha = await makeRevision(through);
    const before = fingerprint(outside);
    const attempt = (on: Sha | undefined) => target.deploy(sha, on).catch(() => {});
    await attempt(undefined);
    await target.deploy(honest, undefined);
    await attempt(honest);
    await attempt(honest);
    expect(fingerprint(outside)).toEqual(before);
    expect(lstatSync(join(outside, 'sub')).mode & 0o777).toBe(0o700);
  });
});
