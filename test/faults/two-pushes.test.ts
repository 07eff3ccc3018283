// Two runs at once on one state directory.
import { existsSync, statSync, symlinkSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cleanUp, eventually, Site, stage } from './support/site.ts';
import { expectOldOrNew, expectRepaired } from './support/soundness.ts';

let site: Site;
let tree: string;

beforeEach(async () => {
  site = new Site({ hosts: ['web1', 'web2'] });
  stage(site.staging, 0);
  await site.ok(['push']);
  await site.settle();
  tree = stage(site.staging, 1);
});

afterEach(cleanUp);

/** A push that holds the lock for a while: it stands still before it records its revision. */
async function startHolder(ms = 3000) {
  const mark = join(site.dir, 'holder-waits');
  const fault = { role: 'deploy', action: 'delay', ms, op: 'spawn', match: 'update-ref', mark };
  const holder = site.start(['push', '-m', 'fix the logo'], { fault });
  await eventually(() => existsSync(mark));
  return holder;
}

describe('two pushes at once', () => {
  it('[B40] [B50] one wins, the other exits 4 naming user, pid, since and reason, and takes nothing from the winner', async () => {
    const holder = await startHolder();
    const inode = statSync(join(site.state, 'lock')).ino;
    for (let i = 0; i < 2; i++) {
      const loser = await site.scap(['push', '--json']);
      expect(loser.status).toBe(4);
      expect(loser.stderr).toMatch(
        new RegExp(`${userInfo().username} on .* \\(pid ${holder.pid}\\) holds it since \\d{4}-.*: push: fix the logo`),
      );
      expect(loser.stderr).toContain('--wait');
      const { error } = JSON.parse(loser.stdout);
      expect(error.code).toBe('lock_held');
      expect(error.data.holder.pid).toBe(holder.pid);
    }
    expect((await site.scap(['lock'])).stdout).toContain(`pid ${holder.pid}`);
    expect((await holder.done).status).toBe(0);
    expect(statSync(join(site.state, 'lock')).ino).toBe(inode);
    expect((await site.scap(['lock'])).stdout).toContain('No run is in progress');
    await expectRepaired(site, tree, 'after both');
  });

  it('[B40] --wait waits for the winner and then does its own work', async () => {
    const holder = await startHolder(1500);
    const waiting = site.start(['push', '--wait', '30s']);
    await waiting.until(/fix the logo/);
    expect((await holder.done).status).toBe(0);
    expect((await waiting.done).status).toBe(0);
    await expectRepaired(site, tree, 'after both');
  });

  it('[B40] --wait gives up when its time is over, with exit 4', async () => {
    const holder = await startHolder();
    const waiting = await site.scap(['push', '--wait', '300ms']);
    expect(waiting.status).toBe(4);
    expect(waiting.durationMs).toBeLessThan(2500);
    expect((await holder.done).status).toBe(0);
  });

  it('[B40] [B23] kill -9 of the holder frees the lock at once, for who waits and for who comes', async () => {
    const holder = await startHolder(60_000);
    const waiting = site.start(['push', '--wait', '30s']);
    await waiting.until(/fix the logo/);
    holder.kill('SIGKILL');
    const waited = await waiting.done;
    expect(waited.status, waited.stderr).toBe(0);
    expect(waited.durationMs).toBeLessThan(15_000);
    expect((await site.scap(['push'])).status).toBe(0);
    await expectRepaired(site, tree, 'after the kill');
  });

  it('[B40] the lock holds across working directories and names of the same state directory', async () => {
    const alias = `${site.dir}/alias`;
    symlinkSync(site.dir, alias);
    const holder = await startHolder();
    const loser = await site.scap(['push'], { cwd: alias, env: { SCAP_CONFIG: `${alias}/scap.yaml`, PWD: alias } });
    expect(loser.status).toBe(4);
    const elsewhere = await site.scap(['rollback'], { cwd: '/' });
    expect(elsewhere.status).toBe(4);
    expect((await holder.done).status).toBe(0);
  });

  it('[B40] twenty at once: exactly one wins, nobody breaks anything', { timeout: 120_000 }, async () => {
    const ended = await Promise.all(Array.from({ length: 20 }, () => site.scap(['push'])));
    const statuses = ended.map(({ status }) => status);
    expect(statuses.filter((status) => status === 0).length).toBeGreaterThanOrEqual(1);
    expect(
      statuses.every((status) => status === 0 || status === 4),
      statuses.join(),
    ).toBe(true);
    await expectRepaired(site, tree, 'after all');
  });
});

describe('a manual hold', () => {
  it('[B40] forbids deploys, naming who, since and why, until it is lifted; it does not touch the run lock', async () => {
    const [before] = [site.liveSha('web1')];
    await site.ok(['hold', '-m', 'database migration']);
    const refused = await site.scap(['push']);
    expect(refused.status).toBe(4);
    expect(refused.stderr).toMatch(/placed a hold on \d{4}-.*: database migration/);
    expect(refused.stderr).toContain('scap unlock');
    expect((await site.scap(['rollback'])).status).toBe(4);
    expect(site.liveSha('web1')).toBe(before);
    await site.ok(['unlock']);
    await site.ok(['push']);
    expectOldOrNew(site, [tree], 'after unlock');
  });

  it('[B40] scap unlock during a run does not free the run lock', async () => {
    const holder = await startHolder();
    await site.ok(['unlock']);
    expect((await site.scap(['push'])).status).toBe(4);
    expect((await holder.done).status).toBe(0);
  });
});
