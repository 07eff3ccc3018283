// kill -9 of the deploy host's process at many points of a push, of a first push and of a rollback; and what a crash of the machine leaves.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, Site } from './support/site.ts';
import { expectHonestMarkers, expectOldOrNew, expectRepaired } from './support/soundness.ts';
import { choosePoints, Rolling, tracePush } from './support/sweep.ts';

const deploy = { role: 'deploy' };

afterEach(cleanUp);

async function agedSite(): Promise<Rolling> {
  const rolling = new Rolling(new Site({ hosts: ['web1', 'web2'], keepRevisions: 2 }));
  for (let i = 0; i < 4; i++) await rolling.push();
  return rolling;
}

describe("kill -9 of the deploy host's process", () => {
  it('[I5] [B23] [B54] at any step of a push leaves old or new live, and the next push repairs', {
    timeout: 600_000,
  }, async () => {
    const rolling = await agedSite();
    rolling.next();
    const trace = await tracePush(rolling, deploy);
    const points = choosePoints(trace, 20);
    for (const call of points) {
      const where = `killed before call ${call}, ${trace[call - 1]}`;
      const struck = await rolling.strike(where, () => rolling.site.scap(['push'], { fault: { ...deploy, call } }));
      expect(struck.signal ?? struck.status, where).toBe('SIGKILL');
    }
    const records = readFileSync(join(rolling.site.state, 'deploys.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const numbers = records.map(({ n }) => n);
    expect(new Set(numbers).size, 'every run has one record').toBe(numbers.length);
    expect(
      records.filter(({ outcome }) => outcome === 'aborted').length,
      'killed runs are recorded as aborted',
    ).toBeGreaterThan(5);
    console.log(`kill-deploy: ${points.length} of ${trace.length} points`);
  });

  it('[B23] at any step of a first push leaves nothing or the new revision live, and the next push repairs', {
    timeout: 600_000,
  }, async () => {
    const first = new Rolling(new Site({ hosts: ['web1', 'web2'] }));
    first.next();
    const trace = await tracePush(first, deploy);
    await cleanUp();
    const points = choosePoints(trace, 8);
    for (const call of points) {
      const rolling = new Rolling(new Site({ hosts: ['web1', 'web2'] }));
      await rolling.strike(`killed before call ${call}, ${trace[call - 1]}`, () =>
        rolling.site.scap(['push'], { fault: { ...deploy, call } }),
      );
      await cleanUp();
    }
    console.log(`kill-deploy, first push: ${points.length} of ${trace.length} points`);
  });

  it('[B23] [B33] at any step of a rollback leaves old or new live, and the next push repairs', {
    timeout: 600_000,
  }, async () => {
    const rolling = await agedSite();
    const trace = await tracePush(rolling, deploy, ['rollback']);
    const points = choosePoints(trace, 5);
    for (const call of points) {
      await rolling.push();
      const where = `killed before call ${call}, ${trace[call - 1]}`;
      await rolling.site.scap(['rollback'], { fault: { ...deploy, call } });
      expectOldOrNew(rolling.site, rolling.trees.slice(-2), where);
      await rolling.site.settle();
      expectHonestMarkers(rolling.site, rolling.trees, where);
      await rolling.repair(where);
    }
    console.log(`kill-deploy, rollback: ${points.length} of ${trace.length} points`);
  });
});

describe('a crash of the whole machine', () => {
  it('[B23] that left lock files and half packs of git behind needs no manual help', async () => {
    const rolling = await agedSite();
    const { site } = rolling;
    const repositories = [
      join(site.state, 'repo.git'),
      ...site.hosts.map((host) => join(site.cache(host), 'repo.git')),
    ];
    for (const repository of repositories) {
      const refs = execFileSync('git', ['--git-dir', repository, 'for-each-ref', '--format=%(refname)'], {
        encoding: 'utf8',
      });
      for (const ref of [...refs.trim().split('\n'), 'packed-refs', 'shallow', 'HEAD', 'config'])
        writeFileSync(join(repository, `${ref}.lock`), '');
      writeFileSync(join(repository, 'objects/pack/tmp_pack_Ab12Cd'), 'PACK');
      writeFileSync(join(repository, 'objects/pack/tmp_idx_Ab12Cd'), '');
    }
    const before = rolling.tree;
    const tree = rolling.next();
    const pushed = await site.scap(['push']);
    expect(pushed.status, pushed.stderr).toBe(0);
    expectOldOrNew(site, [tree], `after ${before}`);
    await expectRepaired(site, tree, 'after the crash');
  });

  it('[B23] during the creation of the repositories needs no manual help', async () => {
    const rolling = new Rolling(new Site({ hosts: ['web1', 'web2'] }));
    const { site } = rolling;
    for (const repository of [join(site.state, 'repo.git'), join(site.cache('web1'), 'repo.git')]) {
      execFileSync('git', ['init', '--quiet', '--bare', '--template=', repository]);
      writeFileSync(join(repository, 'HEAD.lock'), '');
      writeFileSync(join(repository, 'config.lock'), '');
    }
    await rolling.push();
    await expectRepaired(site, rolling.tree, 'after the crash');
  });
});
