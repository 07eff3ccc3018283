// Directories that keep people out: restricted ones, read-only ones, and what a cache directory hands down.
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, describe, expect, it } from 'vitest';
import { onTarget } from '../support/any-tree.ts';
import {
  cleanEnvironment,
  createOperator,
  fingerprint,
  type Operator,
  scapProgram,
  withoutAgents,
} from '../support/operator.ts';
import { directory, file, link, readTree, type Tree, writeTree } from '../support/tree-builder.ts';
import { withoutRights } from '../support/unprivileged.ts';
import { writeFleet } from '../support/yaml-fleet.ts';

let me: Operator;
let cache: string;
beforeEach(() => {
  me = createOperator({});
  chmodSync(me.staging, 0o755);
  writeFleet(me, { hosts: ['web1'], more: 'target: {graceTime: 0s, keepRevisions: 2}' });
  cache = me.path('t/web1/cache');
});

/** Calls scap as a user whom modes keep out; returns what it printed. */
async function scap(status: number, ...args: string[]): Promise<string> {
  // The agent of the run before may still be preparing what this one is to find.
  await withoutAgents(me.cwd);
  const [program = '', ...rest] = [...withoutRights, scapProgram, ...args];
  const options = { cwd: me.cwd, env: cleanEnvironment(), extendEnv: false, stdin: 'ignore', reject: false } as const;
  const { exitCode, stdout, stderr } = await execa(program, rest, options);
  if (exitCode !== status) throw new Error(`scap ${args.join(' ')}: ${exitCode}\n${stdout}\n${stderr}`);
  return stdout;
}

/** Runs scap and returns how the host's revision was made. */
async function made(...args: string[]): Promise<unknown> {
  await scap(0, ...args);
  const logs = readdirSync(me.path('state/logs')).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  const events = readFileSync(me.path('state/logs', logs.at(-1) as string), 'utf8')
    .split('\n')
    .filter(Boolean);
  const finished = events.map((line) => JSON.parse(line)).filter(({ type }) => type === 'task.finished');
  return finished.find(({ task }) => task.startsWith('fetch@'))?.data.result;
}

const live = () => me.path('t/web1/live/');

/** What is served is exactly what is in staging, in every mode, and nobody finds anything wrong with it. */
async function expectWhole(rootMode = 0o755): Promise<void> {
  expect(readTree(live(), (path) => path === '.scap')).toEqual(onTarget(readTree(me.staging)));
  expect((lstatSync(live()).mode & 0o7777).toString(8)).toBe(rootMode.toString(8));
  await scap(0, 'verify', '--deep');
}

/** What somebody does to a directory they may not write to: open it, do it, close it. */
function inside(path: string, work: () => void): void {
  const { mode } = lstatSync(path);
  chmodSync(path, 0o755);
  work();
  chmodSync(path, mode & 0o7777);
}

const tree: Tree = {
  f: file('1'),
  'ro/f': file('1'),
  'ro/deep/g': file('1'),
  'ro/deep': directory(0o555),
  ro: directory(0o555),
  'closed/f': file('1', 0o600),
  'closed/in/g': file('1'),
  'closed/in': directory(0o700),
  closed: directory(0o700),
  'no-list/f': file('1'),
  'no-list': directory(0o711),
  'hollow/e': directory(0o555),
  hollow: directory(0o555),
  'open/sub/f': file('1'),
  'open/sub/l': link('f'),
};

describe('[B4][B20] a revision with directories that its owner may not write to', () => {
  beforeEach(() => writeTree(me.staging, tree));

  it('is made, and changed into the next, and back', async () => {
    const strategies = [await made('push')];
    await expectWhole();
    for (const content of ['2', '3', '4']) {
      for (const path of ['ro/f', 'ro/deep/g', 'closed/in/g']) writeFileSync(join(me.staging, path), content);
      inside(join(me.staging, 'ro/deep'), () => writeFileSync(join(me.staging, 'ro/deep', content), content));
      strategies.push(await made('push'));
      await expectWhole();
    }
    expect(strategies).toEqual(['archive', 'recycle', 'recycle', 'recycle']);
    expect(await made('rollback', '-2')).toBe('recycle');
    await scap(0, 'verify', '--deep');
    expect(lstatSync(join(live(), 'ro/deep')).mode & 0o777).toBe(0o555);
  });

  it('is linked from the one before', async () => {
    await scap(0, 'push');
    await withoutAgents(me.cwd);
    rmSync(join(cache, 'work/spare'), { recursive: true });
    writeFileSync(join(me.staging, 'ro/deep/g'), '2');
    expect(await made('push')).toBe('link');
    await expectWhole();
  });

  it('gives up such directories, and what is in them, for files and links', async () => {
    await scap(0, 'push');
    for (const path of ['ro', 'closed', 'hollow']) rmSync(join(me.staging, path), { recursive: true });
    writeTree(me.staging, { ro: file('a file now'), closed: link('f'), hollow: directory(0o500) });
    expect(await made('push', '--allow-shrink')).toBe('recycle');
    await expectWhole();
  });

  const damages: readonly (readonly [string, (root: string) => void])[] = [
    ['a file edited in a read-only directory', (root) => writeFileSync(join(root, 'ro/deep/g'), 'evil')],
    [
      'a file removed from a read-only directory',
      (root) => inside(join(root, 'ro/deep'), () => unlinkSync(join(root, 'ro/deep/g'))),
    ],
    [
      'a file added to a read-only directory',
      (root) => inside(join(root, 'ro/deep'), () => writeFileSync(join(root, 'ro/deep/evil'), '')),
    ],
    [
      'a directory added to a read-only directory, read-only itself',
      (root) =>
        inside(join(root, 'hollow/e'), () =>
          writeTree(join(root, 'hollow/e'), { 'x/y': file('1'), x: directory(0o555) }),
        ),
    ],
    ['a file edited in a restricted directory', (root) => writeFileSync(join(root, 'closed/in/g'), 'evil')],
    ['a file edited elsewhere', (root) => writeFileSync(join(root, 'open/sub/f'), 'evil')],
    [
      'an empty read-only directory removed',
      (root) => inside(join(root, 'hollow'), () => rmSync(join(root, 'hollow/e'), { recursive: true })),
    ],
    [
      'a read-only directory replaced by a link',
      (root) =>
        inside(join(root, 'ro'), () => {
          rmSync(join(root, 'ro/deep'), { recursive: true });
          writeTree(root, { 'ro/deep': link('/etc') });
        }),
    ],
    [
      'a directory nobody may enter, in another',
      (root) => {
        chmodSync(join(root, 'open/sub'), 0o000);
        chmodSync(join(root, 'open'), 0o000);
      },
    ],
    [
      'a restricted directory, with another in it, replaced by a file',
      (root) => {
        rmSync(join(root, 'closed'), { recursive: true });
        writeFileSync(join(root, 'closed'), '');
      },
    ],
    ['a restricted directory opened', (root) => chmodSync(join(root, 'closed'), 0o777)],
    ['a read-only directory opened', (root) => chmodSync(join(root, 'ro/deep'), 0o755)],
    ['an ordinary directory made read-only', (root) => chmodSync(join(root, 'open/sub'), 0o555)],
    [
      'an ordinary directory made read-only, and a file in it edited',
      (root) => {
        writeFileSync(join(root, 'open/sub/f'), 'evil');
        chmodSync(join(root, 'open/sub'), 0o555);
        chmodSync(join(root, 'open'), 0o555);
      },
    ],
    ['an ordinary directory nobody may enter', (root) => chmodSync(join(root, 'open/sub'), 0o000)],
    [
      'a directory nobody may enter, above a restricted one',
      (root) => {
        chmodSync(join(root, 'closed'), 0o000);
        chmodSync(join(root, 'open'), 0o000);
      },
    ],
    ['the root made read-only', (root) => chmodSync(root, 0o555)],
  ];

  it.each(damages)('is repaired in place: %s', async (_what, damage) => {
    await scap(0, 'push');
    await withoutAgents(me.cwd);
    const inode = lstatSync(live()).ino;
    damage(live());
    await scap(1, 'verify');
    expect(await made('verify', '--repair')).toBe('repaired');
    expect(lstatSync(live()).ino).toBe(inode);
    await expectWhole();
  });
});

it('[I7][B20] repairing a directory that was replaced by a link changes nothing where the link leads', async () => {
  writeTree(me.staging, tree);
  await scap(0, 'push');
  await withoutAgents(me.cwd);
  mkdirSync(me.path('outside/deep'), { recursive: true });
  chmodSync(me.path('outside/deep'), 0o711);
  rmSync(join(live(), 'ro'), { recursive: true });
  writeTree(live(), { ro: link(me.path('outside')) });
  const before = fingerprint(me.path('outside'));
  expect(await made('verify', '--repair')).toBe('repaired');
  expect(fingerprint(me.path('outside'))).toEqual(before);
  await expectWhole();
});

describe('[B4] a staging directory of mode 0555', () => {
  beforeEach(() => {
    writeTree(me.staging, { a: file('1'), 'd/b': file('1') });
    chmodSync(me.staging, 0o555);
  });
  const change = (content: string) => inside(me.staging, () => writeFileSync(join(me.staging, 'a'), content));

  it('is made, recycled, rolled back to and repaired', async () => {
    const strategies: unknown[] = [];
    for (const content of ['1', '2', '3', '4']) {
      change(content);
      strategies.push(await made('push'));
      await expectWhole(0o555);
    }
    expect(strategies).toEqual(['archive', 'recycle', 'recycle', 'recycle']);
    await scap(0, 'rollback');
    expect(readFileSync(join(live(), 'a'), 'utf8')).toBe('3');
    await scap(0, 'push');
    await withoutAgents(me.cwd);
    inside(live(), () => {
      unlinkSync(join(live(), 'a'));
      writeFileSync(join(live(), 'extra'), '');
    });
    expect(await made('verify', '--repair')).toBe('repaired');
    await expectWhole(0o555);
  });

  it('does not stand in the way of the next run when an agent died before the revision was complete', async () => {
    await scap(0, 'push');
    change('2');
    await scap(0, 'push');
    await withoutAgents(me.cwd);
    const [old = ''] = readdirSync(join(cache, 'revs')).filter(
      (name) => readFileSync(join(cache, 'revs', name, 'a'), 'utf8') === '1',
    );
    // As a kill between the revision's last chmod and its marker leaves it.
    rmSync(join(cache, 'meta', `${old}.json`));
    await scap(0, 'rollback');
    expect(readFileSync(join(live(), 'a'), 'utf8')).toBe('1');
    await scap(0, 'verify', '--deep');
  });
});

describe('[B4] a cache directory with a set-gid bit', () => {
  it('hands nothing down: revisions are made, linked, recycled and repaired without drift', async () => {
    mkdirSync(cache, { recursive: true });
    chmodSync(cache, 0o2775);
    writeTree(me.staging, { 'd/e/f': file('1'), hollow: directory(), 'r/f': file('1'), r: directory(0o700) });
    const strategies: unknown[] = [];
    for (const content of ['1', '2', '3']) {
      writeTree(me.staging, { [`new${content}/sub/f`]: file(content) });
      strategies.push(await made('push'));
      await expectWhole();
    }
    await withoutAgents(me.cwd);
    rmSync(join(cache, 'work/spare'), { recursive: true });
    writeTree(me.staging, { 'linked/sub/f': file('1') });
    strategies.push(await made('push'));
    await expectWhole();
    expect(strategies).toEqual(['archive', 'recycle', 'recycle', 'link']);
    expect(lstatSync(join(cache, 'revs')).mode & 0o2000).toBe(0o2000);
    rmSync(join(live(), 'd'), { recursive: true });
    expect(await made('verify', '--repair')).toBe('repaired');
    await expectWhole();
  });
});
