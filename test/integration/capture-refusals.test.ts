import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createStagingWorld, refusal, type StagingWorld } from '../support/staging-world.ts';
import { useTempDirs } from '../support/temp-dir.ts';
import { directory, file, type Tree, writeTree } from '../support/tree-builder.ts';
import { asUnprivileged, isRoot } from '../support/unprivileged.ts';

const tempDir = useTempDirs();
const servers: Server[] = [];
let world: StagingWorld;
beforeEach(async () => {
  world = await createStagingWorld(tempDir());
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const write = (tree: Tree) => writeTree(world.staging, tree);

async function makeSocket(name: string): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(join(world.staging, name), resolve));
}

function makeNode(name: string, ...type: string[]): boolean {
  return spawnSync('mknod', [join(world.staging, name), ...type]).status === 0;
}

function nothingWasCommitted(): void {
  expect(world.repository.revisions().size).toBe(0);
  expect(readdirSync(world.layout.work)).toEqual([]);
  expect(readdirSync(world.layout.state).sort()).toEqual(['repo.git', 'work']);
}

describe('what cannot be captured', () => {
  it('[B6] sockets and FIFOs are refused by name, all at once, and nothing is committed', async () => {
    write({ fine: file('1'), 'd/e/f': file('2'), 'd/line\nfeed': file('3') });
    await makeSocket('d/sock');
    makeNode('d/e/pipe', 'p');
    makeNode('d/other\npipe', 'p');
    const error = await refusal(world.prepare());
    expect(error).toMatchObject({
      code: 'staging_uncapturable',
      data: {
        paths: [
          { path: 'd/other\\x0apipe', reason: 'FIFO' },
          { path: 'd/sock', reason: 'socket' },
          { path: 'd/e/pipe', reason: 'FIFO' },
        ],
      },
    });
    expect(error.message).toContain('d/sock (socket)');
    expect(error.message).toContain('d/e/pipe (FIFO)');
    nothingWasCommitted();
  });

  it.runIf(isRoot)('[B6] devices are refused by name', async (context) => {
    write({ fine: file('1') });
    if (!makeNode('null', 'c', '1', '3') || !makeNode('disk', 'b', '7', '99')) context.skip('no right to make devices');
    expect((await refusal(world.prepare())).data).toEqual({
      paths: [
        { path: 'disk', reason: 'block device' },
        { path: 'null', reason: 'character device' },
      ],
    });
    nothingWasCommitted();
  });

  it('[B6] excluded ones are nobody’s business', async () => {
    write({ fine: file('1') });
    await makeSocket('app.sock');
    expect((await world.prepare({ exclude: ['*.sock'] })).files).toBe(1);
  });

  it('[B6] a long list is shortened in the sentence, not in the data', async () => {
    for (let at = 10; at < 40; at++) makeNode(`pipe${at}`, 'p');
    const error = await refusal(world.prepare());
    expect(error.message).toMatch(/pipe29 \(FIFO\) and 10 more$/);
    expect(error.data.paths).toHaveLength(30);
  });
});

describe('what may not be read', () => {
  const unreadable = (path: string) => ({ path, reason: 'unreadable' });
  /** The state directory belongs to whoever runs the tests; an ordinary user only needs to write a pack. */
  const prepareUnprivileged = () => {
    chmodSync(world.layout.work, 0o777);
    return asUnprivileged(() => refusal(world.prepare()));
  };

  it('[B6] files, directories and directories that may not be searched are refused by name, all at once', async () => {
    write({
      fine: file('1'),
      'closed/f': file('2'),
      'd/secret': file('3', 0o000),
      'listed/a': file('4'),
      'listed/b': file('5'),
      large: file('x'.repeat(9 * 1024 * 1024), 0o000),
    });
    chmodSync(join(world.staging, 'closed'), 0o000);
    chmodSync(join(world.staging, 'listed'), 0o444);
    const { code, data } = await prepareUnprivileged();
    expect(code).toBe('staging_uncapturable');
    expect(new Set(data.paths as unknown[])).toEqual(
      new Set(['closed', 'd/secret', 'large', 'listed/a', 'listed/b'].map(unreadable)),
    );
    nothingWasCommitted();
  });

  it('[B6] the staging directory itself is no exception', async () => {
    write({ fine: file('1') });
    chmodSync(world.staging, 0o311);
    expect((await prepareUnprivileged()).data).toEqual({ paths: [unreadable('.')] });
  });
});

describe('a staging tree that cannot be meant', () => {
  it('is one that is not there, or is a file', async () => {
    write({ f: file('1') });
    for (const staging of [join(world.staging, 'none'), join(world.staging, 'f'), join(world.staging, 'f/g')]) {
      expect(await refusal(world.prepare({ staging }))).toMatchObject({ code: 'staging_missing' });
    }
  });

  it('[B10] is an empty one', async () => {
    write({ 'only/directories': directory() });
    expect(await refusal(world.prepare({ maxShrinkRatio: 0.2 }))).toMatchObject({ code: 'staging_empty' });
    nothingWasCommitted();
    write({ f: file('1') });
    await world.push({ maxShrinkRatio: 0.2 });
    rmSync(join(world.staging, 'f'));
    expect(await refusal(world.prepare({ maxShrinkRatio: 1 }))).toMatchObject({ code: 'staging_empty' });
  });

  it.each([
    ['files', { a: file('x'), b: file('x'), c: file('x'), d: file('x'), big: file('x'.repeat(1000)) }, ['a', 'b']],
    ['bytes', { a: file('x'), b: file('x'), c: file('x'), d: file('x'), big: file('x'.repeat(1000)) }, ['big']],
  ])('[B10] is one that lost more %s than allowed, unless that is allowed', async (_, tree, lost) => {
    write(tree);
    const before = await world.push();
    for (const name of lost) rmSync(join(world.staging, name));
    const error = await refusal(world.prepare({ maxShrinkRatio: 0.3 }));
    expect(error).toMatchObject({ code: 'staging_shrank', data: { filesBefore: 5, files: 5 - lost.length } });
    expect(error.hint).toContain('--allow-shrink');
    expect(world.repository.main()).toBe(before);
    expect((await world.prepare({ maxShrinkRatio: undefined })).created).toBe(true);
  });

  it('[B10] is not one that lost exactly as much as allowed', async () => {
    write({ a: file('x'), b: file('x'), c: file('x'), d: file('x'), e: file('x') });
    await world.push();
    rmSync(join(world.staging, 'a'));
    expect((await world.prepare({ maxShrinkRatio: 0.2 })).created).toBe(true);
  });

  it('[B10] a dry run refuses it as well', async () => {
    write({ a: file('x'), b: file('x') });
    await world.push();
    rmSync(join(world.staging, 'a'));
    expect(await refusal(world.prepare({ maxShrinkRatio: 0.2, dryRun: true }))).toMatchObject({
      code: 'staging_shrank',
    });
  });
});
