// One of three hosts fails to promote: the others go back to what each of them served.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { cleanUp, type Fault, Site, stage } from './support/site.ts';
import { expectOldOrNew, expectRepaired, servedTree } from './support/soundness.ts';

afterEach(cleanUp);

/** The switch of a host's live path fails; `nth` counts the attempts of one agent. */
const failSwitch = (host: string, more: Fault = {}): Fault => ({
  role: 'agent',
  host,
  action: 'fail',
  code: 'EIO',
  op: 'renameSync',
  match: '/live$',
  ...more,
});

/** What the deploy host says should be live. */
function desired(site: Site): string {
  const argv = ['--git-dir', join(site.state, 'repo.git'), 'for-each-ref', '--format=%(objectname)', 'refs/scap/live'];
  return execFileSync('git', argv, { encoding: 'utf8' }).trim();
}

async function preparedSite(): Promise<{ site: Site; before: string; after: string }> {
  const site = new Site();
  const before = stage(site.staging, 0);
  await site.ok(['push']);
  await site.settle();
  return { site, before, after: stage(site.staging, 1) };
}

it('[B32] [I9] [B50] every promoted host goes back, and what should be live is as before', async () => {
  const { site, before, after } = await preparedSite();
  const should = desired(site);
  const failed = await site.scap(['push', '--json'], { fault: failSwitch('web3') });
  expect(failed.status, failed.stderr).toBe(5);
  expectOldOrNew(site, [before], 'after the failure');
  expect(desired(site)).toBe(should);
  const result = JSON.parse(failed.stdout);
  expect(result.ok).toBe(false);
  expect(result.outcome).toBe('rolled-back');
  expect(result.counts).toMatchObject({ promoted: 0, unchanged: 0 });
  expect(result.hosts.map(({ host, state }: { host: string; state: string }) => `${host} ${state}`)).toEqual([
    'web1 rolled-back',
    'web2 rolled-back',
    expect.stringMatching(/^web3 (rolled-back|failed)$/),
  ]);
  expect(failed.stderr).toMatch(/web3/);
  await site.ok(['push']);
  await expectRepaired(site, after, 'after the next push');
});

it('[B32] [I9] hosts that served different revisions each go back to their own', async () => {
  const { site, before, after } = await preparedSite();
  // web1 gets ahead: web2 and web3 fail, and nothing is rolled back.
  const ahead = await site.scap(['push', '--no-rollback'], { fault: [failSwitch('web2'), failSwitch('web3')] });
  expect(ahead.status, ahead.stderr).toBe(6);
  await site.settle();
  expect([servedTree(site, 'web1'), servedTree(site, 'web2'), servedTree(site, 'web3')]).toEqual([
    after,
    before,
    before,
  ]);

  const third = stage(site.staging, 2);
  const failed = await site.scap(['push'], { fault: failSwitch('web3') });
  expect(failed.status, failed.stderr).toBe(5);
  expect([servedTree(site, 'web1'), servedTree(site, 'web2'), servedTree(site, 'web3')]).toEqual([
    after,
    before,
    before,
  ]);
  await site.ok(['push']);
  await expectRepaired(site, third, 'after the next push');
});

it('[B32] [I9] hosts that served nothing serve nothing again', async () => {
  const site = new Site();
  const tree = stage(site.staging, 0);
  const failed = await site.scap(['push'], { fault: failSwitch('web3') });
  expect(failed.status, failed.stderr).toBe(5);
  for (const host of site.hosts) expect(servedTree(site, host), host).toBeUndefined();
  expect(desired(site)).toBe('');
  await site.ok(['push']);
  await expectRepaired(site, tree, 'after the next push');
});

it('[B32] [B50] a host that cannot go back is named with exit 6, and the others still go back', async () => {
  const { site, before, after } = await preparedSite();
  const failed = await site.scap(['push', '--json'], {
    fault: [failSwitch('web3'), failSwitch('web1', { nth: 2, times: 0 })],
  });
  expect(failed.status, failed.stderr).toBe(6);
  expect([servedTree(site, 'web1'), servedTree(site, 'web2'), servedTree(site, 'web3')]).toEqual([
    after,
    before,
    before,
  ]);
  expect(failed.stderr).toMatch(/NOT rolled back: web1/);
  const result = JSON.parse(failed.stdout);
  const stateOf = (name: string) => result.hosts.find(({ host }: { host: string }) => host === name).state;
  expect([stateOf('web1'), stateOf('web2')]).toEqual(['failed', 'rolled-back']);
  await site.ok(['push']);
  await expectRepaired(site, after, 'after the next push');
});

it('[B32] with every host failing at once nothing is promoted, and nothing needs to go back', async () => {
  const { site, before, after } = await preparedSite();
  const failed = await site.scap(['push'], { fault: site.hosts.map((host) => failSwitch(host)) });
  expect(failed.status, failed.stderr).toBe(5);
  expectOldOrNew(site, [before], 'after the failure');
  await site.ok(['push']);
  await expectRepaired(site, after, 'after the next push');
});

it('[B32] a host that dies in its switch is taken back by a new agent', async () => {
  const { site, before, after } = await preparedSite();
  const once = join(site.dir, 'died');
  const failed = await site.scap(['push'], {
    fault: { role: 'agent', host: 'web2', op: 'renameSync', match: '/live$', when: 'after', once },
  });
  expect(failed.status, failed.stderr).toBe(5);
  expectOldOrNew(site, [before], 'after the failure');
  await site.ok(['push']);
  await expectRepaired(site, after, 'after the next push');
});

it('[B50] --no-rollback leaves the promoted hosts, says so, and exits 6', async () => {
  const { site, before, after } = await preparedSite();
  const failed = await site.scap(['push', '--no-rollback'], { fault: failSwitch('web3') });
  expect(failed.status).toBe(6);
  expect([servedTree(site, 'web1'), servedTree(site, 'web2'), servedTree(site, 'web3')]).toEqual([
    after,
    after,
    before,
  ]);
  expect(failed.stderr + failed.stdout).toMatch(/not rolled back/i);
  await site.ok(['push']);
  await expectRepaired(site, after, 'after the next push');
});
