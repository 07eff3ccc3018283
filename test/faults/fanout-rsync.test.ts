// Large bundles that rsync carries from target to target, and what that must hold to when something fails on the way.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fleet } from '../../scripts/lib/fleet/fleet.mjs';
import { copiesUnderWay, expectAccounted, hosts, largeSite, served, stageLarge, tellOf } from './support/large-site.ts';
import { agentOf, receivedBytes } from './support/relayed.ts';
import { cleanUp, eventually, listProcesses } from './support/site.ts';
import { SshSite, startHosts } from './support/ssh-site.ts';

const carrier = 'rsync';

afterEach(cleanUp);

describe('a bundle above the threshold, carried by rsync', () => {
  it('[I11] [B13] goes through tiers of targets, and every byte is accounted for', async () => {
    const { site, tree } = largeSite({ carrier });
    const run = await site.ok(['push', '--events']);
    expect(run.stderr, 'of the runtime').not.toContain('Warning');
    for (const host of site.hosts) expect(served(site, host)).toBe(tree);
    const { tiers } = expectAccounted(site, run);
    expect(tiers.length, 'targets served targets').toBeGreaterThan(1);
    await site.settle();
    for (const host of site.hosts) expect(readdirSync(join(site.cache(host), 'work')), host).toEqual(['spare']);
  });

  it('[B14] [B17] seeds new hosts from those that have the revision, also when one of them dies', async () => {
    const more = ['web7', 'web8'];
    const sites = Object.fromEntries([...hosts, ...more].map((host) => [host, 'here']));
    const { site, tree } = largeSite({ carrier, bwlimit: '6MB', budget: 1, more, sites });
    await site.ok(['push', '--limit', 'web[1:6]']);
    await site.settle();
    const seed = site.start(['seed', 'web7', 'web8', '--events']);
    await eventually(() => more.some((host) => receivedBytes(site, host) > 100_000));
    const [source] = hosts.filter((host) => listProcesses(site.cache(host)).some(isRsyncDaemon));
    if (source === undefined) throw new Error('no host serves by rsync');
    process.kill(agentOf(site, source), 'SIGKILL');
    const run = await seed.done;
    expect(run.status, run.stderr).toBe(0);
    for (const host of more) expect(served(site, host)).toBe(tree);
    await site.settle();
    expect(site.hosts.flatMap((host) => listProcesses(site.cache(host)).filter(isRsyncDaemon))).toEqual([]);
  });

  it('[B14] reaches the others when targets on its way are killed', async () => {
    const { site, tree } = largeSite({ carrier, bwlimit: '12MB', budget: 2 });
    const push = site.start(['push', '--events']);
    const dead = (await copiesUnderWay(site, 2)).slice(0, 1);
    for (const host of dead) process.kill(agentOf(site, host), 'SIGKILL');
    const run = await push.done;
    const story = `${run.stdout}\n${run.stderr}`;
    expect(run.status, story).toBe(1);
    expect(tellOf(run).distributed).toMatchObject([{ failed: 1 }]);
    for (const host of hosts)
      expect(served(site, host), `${host}\n${story}`).toBe(dead.includes(host) ? undefined : tree);
    await site.settle();
    await site.ok(['push']);
    for (const host of hosts) expect(served(site, host)).toBe(tree);
  });

  it('[B16] [B23] [B36] is taken up where it was after Ctrl-C, and mended where what was left is damaged', async () => {
    const { site, tree } = largeSite({ carrier, bwlimit: '6MB' });
    const push = site.start(['push', '--events']);
    const [host] = await copiesUnderWay(site, 1);
    if (host === undefined) throw new Error('nobody receives');
    push.kill('SIGINT');
    expect((await push.done).status).toBe(130);
    await site.settle();
    for (const each of hosts) expect(served(site, each)).toBe(undefined);
    const held = receivedBytes(site, host);
    expect(held).toBeGreaterThan(100_000);
    const work = join(site.cache(host), 'work');
    const part = join(work, readdirSync(work).find((each) => each.endsWith('.part')) as string);
    const bytes = readFileSync(part);
    bytes[1000] = (bytes[1000] as number) ^ 1;
    writeFileSync(part, bytes);
    const run = await site.ok(['push', '--events']);
    for (const each of hosts) expect(served(site, each)).toBe(tree);
    expect(tellOf(run).fetched.get(host)?.resumedBytes).toBe(held);
    expect(tellOf(run).distributed).toMatchObject([{ losses: 0, failed: 0 }]);
  });

  it('[B13] says that there is no rsync', async () => {
    const { site } = largeSite({ carrier });
    const bin = join(site.dir, 'bin');
    mkdirSync(bin);
    for (const program of ['git', 'node', 'sh', 'flock']) {
      const found = (process.env.PATH ?? '').split(':').find((at) => existsSync(join(at, program)));
      symlinkSync(join(found ?? '/nowhere', program), join(bin, program));
    }
    const run = await site.scap(['push'], { env: { PATH: bin } });
    expect(run.status).not.toBe(0);
    expect(run.stderr).toContain('rsync: it is not installed on the deploy host');
    expect(run.stdout).toContain('fanout.carrier');
  });
});

describe('a bundle above the threshold, carried by rsync over SSH', () => {
  let fleet: Fleet;

  beforeEach(async () => {
    fleet = await startHosts(4);
  });

  // Before its directory is removed, which says what was started.
  afterEach(() => fleet.stop());

  it('[B36] is stopped at once by Ctrl-C, leaves nothing running, and is gone on with', async () => {
    const config = ['fanout: {carrier: rsync, threshold: 1MiB, bwlimit: 4MB}'];
    const site = new SshSite(fleet, { config, groups: ['  - {name: all, hosts: ["*"], failureBudget: 0}'] });
    const tree = stageLarge(site, 0);
    const push = site.start(['push', '--events']);
    await eventually(() => site.hosts.some((host) => receivedBytes(site, host) > 1_000_000));
    push.kill('SIGINT');
    const stopped = await push.done;
    expect(stopped.status, stopped.stderr).toBe(130);
    // A host that did not answer would have been given up.
    expect(stopped.stdout).not.toContain('request_timeout');
    await site.settle();
    const run = await site.ok(['push', '--events']);
    for (const host of site.hosts) expect(served(site, host)).toBe(tree);
    const { distributed, fetched } = tellOf(run);
    expect(distributed).toMatchObject([{ losses: 0, failed: 0 }]);
    expect(distributed[0]?.tiers.length).toBeGreaterThan(1);
    expect([...fetched.values()].some(({ resumedBytes }) => resumedBytes > 0)).toBe(true);
    await site.settle();
  });
});

function isRsyncDaemon(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('rsync\0--server\0--daemon');
  } catch {
    return false;
  }
}
