import {
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import {
  createFixtureOperator,
  createOperator,
  storedFixture,
  temporaryDirectory,
  until,
  withoutAgents,
} from '../support/operator.ts';

const hosts = ['web1', 'web2', 'web3'];
const makeFixture = new URL('../../scripts/make-fixture', import.meta.url).pathname;

describe('scap push', () => {
  it('[I1] makes three local targets serve the stored fixture, byte for byte', async () => {
    const me = createOperator({});
    const { stdout } = await me.expectStatus(0, 'push', storedFixture);
    expect(stdout).toMatch(/^Revision [0-9a-f]{12} is live on 3 of 3 hosts \(3 promoted\) in /);
    for (const host of hosts) {
      expect(lstatSync(me.live(host)).isSymbolicLink()).toBe(true);
      await expectSameTree(storedFixture, `${me.live(host)}/`);
    }
  });

  it('[I1] [B5] makes them serve a fixture with hostile names, odd files and nested checkouts', async () => {
    const me = createOperator({});
    const staging = join(temporaryDirectory(), 'fixture');
    await execa(makeFixture, ['--small', '--storable', staging]);
    const first = await me.scap('push', staging);
    // The fixture has a path git cannot store only without --storable.
    expect(first.status, first.stderr).toBe(0);
    const { stdout } = await execa(
      'diff',
      ['-r', '--no-dereference', '--exclude=.git', '--exclude=.scap', staging, `${me.live('web1')}/`],
      { reject: false },
    );
    expect(stdout).toBe('');
    const again = await me.scap('push');
    expect(again.stdout).toMatch(/^Nothing to do: revision [0-9a-f]{12} is already live on all 3 hosts\n$/);
  });

  it('[B1] [I2] pushed again changes nothing, not even a time, and says so', async () => {
    const me = createFixtureOperator();
    await me.expectStatus(0, 'push', 'staging');
    const before = await me.targets();
    const records = readFileSync(me.path('.scap/deploys.jsonl'), 'utf8');
    const logs = readdirSync(me.path('.scap/logs'));

    const { stdout } = await me.expectStatus(0, 'push', 'staging');

    expect(stdout).toMatch(/^Nothing to do: revision [0-9a-f]{12} is already live on all 3 hosts\n$/);
    expect(await me.targets()).toEqual(before);
    expect(readFileSync(me.path('.scap/deploys.jsonl'), 'utf8')).toBe(records);
    expect(readdirSync(me.path('.scap/logs'))).toEqual(logs);
  });

  it('[B1] [B2] finds the same revision when only times and owners-only bits of the index changed: touched, copied, made anew', async () => {
    const me = createOperator();
    const first = await me.json(0, 'push', 'staging');
    const text = readFileSync(join(me.staging, 'index.php'));
    unlinkSync(join(me.staging, 'index.php'));
    writeFileSync(join(me.staging, 'index.php'), text);
    const again = await me.json(0, 'push');
    expect(again).toMatchObject({
      ok: true,
      outcome: 'nothing',
      created: false,
      revision: first.revision,
      unchanged: hosts,
    });
  });

  it('deploys a change: a file added, changed, removed', async () => {
    const me = createOperator();
    const first = await me.json(0, 'push', 'staging');
    me.stage({ 'index.php': '<?php // two\n', 'new/file.txt': 'new\n', docroot: null });
    const second = await me.json(0, 'push', '-m', 'the second');
    expect(second).toMatchObject({
      ok: true,
      status: 0,
      outcome: 'ok',
      run: 2,
      kind: 'push',
      base: first.revision,
      created: true,
      difference: { added: 1, changed: 1, removed: 1, bytes: 17 },
      counts: {
        promoted: 3,
        unchanged: 0,
        'rolled-back': 0,
        failed: 0,
        unreachable: 0,
        skipped: 0,
        'not-attempted': 0,
      },
    });
    expect(second.revision).not.toBe(first.revision);
    for (const host of hosts) {
      await expectSameTree(me.staging, `${me.live(host)}/`);
      expect(existsSync(join(me.live(host), 'docroot'))).toBe(false);
      expect(readdirSync(join(me.cache(host), 'revs')).sort()).toEqual([first.revision, second.revision].sort());
    }
  });

  it('has names that scripts may rely on in its result', async () => {
    const me = createOperator();
    const result = await me.json(0, 'push', 'staging');
    expect(Object.keys(result).sort()).toEqual(
      [
        'ok',
        'status',
        'outcome',
        'run',
        'revision',
        'base',
        'kind',
        'created',
        'difference',
        'counts',
        'hosts',
        'durationMs',
        'skewMs',
      ].sort(),
    );
    expect(result).toMatchObject({ base: null, run: 1, difference: { added: 6, changed: 0, removed: 0 } });
    expect(result.hosts).toEqual(hosts.map((host) => ({ host, state: 'promoted', live: result.revision })));
  });

  it('[B27] [I13] gives every file the time of the revision that last changed it, the same on all hosts', async () => {
    const me = createOperator();
    const first = await me.json(0, 'push', 'staging');
    const firstTime = (await me.json(0, 'show', first.revision)).time;
    await nextSecond(firstTime);
    me.stage({ 'index.php': '<?php // two\n' });
    const second = await me.json(0, 'push');
    const secondTime = (await me.json(0, 'show', second.revision)).time;
    expect(secondTime).toBeGreaterThan(firstTime);
    for (const host of hosts) {
      expect(statSync(join(me.live(host), 'index.php')).mtimeMs).toBe(secondTime * 1000);
      expect(statSync(join(me.live(host), 'docroot/robots.txt')).mtimeMs).toBe(firstTime * 1000);
    }
  });

  it('[B27] [I13] gives the same times to a host that was wiped and written anew while the others built on what they had', async () => {
    const me = createOperator();
    const first = await me.json(0, 'push', 'staging');
    await nextSecond((await me.json(0, 'show', first.revision)).time);
    me.stage({ 'index.php': '<?php // two\n', 'later.txt': 'x' });
    await withoutAgents(me.cwd);
    rmSync(me.path('.scap/targets/web2'), { recursive: true });
    const second = await me.json(0, 'push');
    expect(second).toMatchObject({ outcome: 'ok', counts: { promoted: 3 } });
    const strategies = hosts.map(
      (host) => JSON.parse(readFileSync(join(me.cache(host), 'meta', `${second.revision}.json`), 'utf8')).strategy,
    );
    expect(strategies.map((strategy) => strategy === 'archive')).toEqual([false, true, false]);
    const times = (host: string) =>
      listFiles(me.live(host)).map((path) => [path, lstatSync(join(me.live(host), path)).mtimeMs]);
    expect(times('web2')).toEqual(times('web1'));
    expect(times('web3')).toEqual(times('web1'));
    expect(new Set(times('web1').map(([, time]) => time)).size).toBe(2);
  });

  it('[B27] [I7] replacing a file in one revision leaves the others as they were', async () => {
    const me = createOperator();
    const first = await me.json(0, 'push', 'staging');
    me.stage({ 'index.php': '<?php // two\n' });
    const second = await me.json(0, 'push');
    const inOld = join(me.cache('web1'), 'revs', first.revision, 'docroot/robots.txt');
    const inNew = join(me.cache('web1'), 'revs', second.revision, 'docroot/robots.txt');
    expect(statSync(inOld).ino).toBe(statSync(inNew).ino);
    unlinkSync(inNew);
    writeFileSync(inNew, 'edited\n');
    expect(readFileSync(inOld, 'utf8')).toBe('User-agent: *\n');
    const verified = await me.json(1, 'verify');
    expect(verified.hosts[0].drift).toEqual([{ path: 'docroot/robots.txt', kind: 'changed' }]);
  });

  it('[B21] a host whose live files were changed on disk is made whole as verify says', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    const file = join(realpathSync(me.live('web1')), 'index.php');
    unlinkSync(file);
    writeFileSync(file, 'tampered\n');
    const { stdout } = await me.expectStatus(1, 'verify');
    const [, advice = ''] = /repair it with: scap (.*)/.exec(stdout) ?? [];
    await me.expectStatus(0, ...advice.split(' '));
    await me.expectStatus(0, 'verify', '--deep');
    expect(readFileSync(file, 'utf8')).toBe('<?php // one\n');
  });

  it('brings up a host that lost its cache, its live path, or both', async () => {
    const me = createOperator();
    const { revision } = await me.json(0, 'push', 'staging');
    await withoutAgents(me.cwd);
    unlinkSync(me.live('web1'));
    rmSync(me.cache('web2'), { recursive: true });
    rmSync(me.path('.scap/targets/web3'), { recursive: true });
    const repaired = await me.json(0, 'push');
    expect(repaired).toMatchObject({ outcome: 'ok', created: false, revision, counts: { promoted: 2, unchanged: 1 } });
    for (const host of hosts) await expectSameTree(me.staging, `${me.live(host)}/`);
  });

  it('with a path inside staging deploys only that part', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    me.stage({ 'index.php': '<?php // two\n', 'wmf-config/CommonSettings.php': '<?php // two\n' });
    const { stdout, stderr } = await me.expectStatus(0, 'push', 'staging/wmf-config');
    expect(stdout).toMatch(/^Revision [0-9a-f]{12} is live on 3 of 3 hosts/);
    expect(stderr).toContain('index.php');
    expect(readFileSync(join(me.live('web1'), 'index.php'), 'utf8')).toBe('<?php // one\n');
    expect(readFileSync(join(me.live('web1'), 'wmf-config/CommonSettings.php'), 'utf8')).toBe('<?php // two\n');
  });

  it('[B10] refuses an empty tree and one that shrank too much, and accepts them when told to', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    const before = await me.targets();
    me.stage({ 'wmf-config': null, 'php-1': null });
    const shrunk = await me.expectStatus(7, 'push');
    expect(shrunk.stderr).toContain('6 files became 2');
    expect(shrunk.stderr).toContain('--allow-shrink');
    me.stage({ 'index.php': null, docroot: null });
    const empty = await me.expectStatus(7, 'push');
    expect(empty.stderr).toContain('it holds no file at all');
    expect(await me.targets()).toEqual(before);
    await me.expectStatus(0, 'push', '--allow-shrink');
    expect(readdirSync(me.live('web1')).filter((name) => name !== '.scap')).toEqual([]);
  });

  it('[I5] never changes the live path but by a link that leads to a revision', async () => {
    const me = createOperator();
    const { revision } = await me.json(0, 'push', 'staging');
    expect(readlinkSync(me.live('web1'))).toBe(join(realpathSync(me.cache('web1')), 'revs', revision));
  });

  it('[B21] is not fooled by a file in staging that is a hard link', async () => {
    const me = createOperator();
    linkSync(join(me.staging, 'index.php'), join(me.staging, 'again.php'));
    await me.expectStatus(0, 'push', 'staging');
    await expectSameTree(me.staging, `${me.live('web3')}/`);
  });
});

async function expectSameTree(expected: string, actual: string): Promise<void> {
  const { stdout, stderr } = await execa(
    'diff',
    ['-r', '--no-dereference', '--exclude=.scap', '--exclude=.git', expected, actual],
    { reject: false },
  );
  expect(stdout + stderr).toBe('');
}

function listFiles(directory: string): string[] {
  return (readdirSync(directory, { recursive: true }) as string[])
    .sort()
    .filter((path) => !lstatSync(join(directory, path)).isDirectory());
}

async function nextSecond(seconds: number): Promise<void> {
  await until(() => Math.floor(Date.now() / 1000) > seconds, 'the next second');
}
