// Large bundles go from target to target: what that must hold to when targets, connections and deploy hosts fail on the way.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { copiesUnderWay, expectAccounted, hosts, largeSite, served, type Told, tellOf } from './support/large-site.ts';
import { agentOf, receivedBytes } from './support/relayed.ts';
import { cleanUp, hashTree } from './support/site.ts';

const servers = new Set<Server>();
afterEach(async () => {
  for (const server of servers) server.close();
  servers.clear();
  await cleanUp();
});

describe('a bundle above the threshold', () => {
  it('[I11] [B13] goes from target to target, and every byte is accounted for', async () => {
    const { site, tree } = largeSite({ more: ['web7', 'web8', 'web9', 'web10', 'web11', 'web12'] });
    const run = await site.ok(['push', '--events']);
    expect(run.stderr, 'of the runtime').not.toContain('Warning');
    for (const host of site.hosts) expect(served(site, host)).toBe(tree);
    expectAccounted(site, run);
    await site.settle();
    for (const host of site.hosts) expect(readdirSync(join(site.cache(host), 'work')), host).toEqual(['spare']);
  });

  it('[B15] [B17] [B18] brings new hosts up beside others that need a few bytes, and those do without it', async () => {
    const { site } = largeSite({ more: ['web7', 'web8'] });
    await site.ok(['push', '--limit', 'web[1:6]']);
    await site.settle();
    writeFileSync(join(site.staging, 'VERSION'), 'next\n');
    const tree = hashTree(site.staging);
    const run = await site.ok(['push', '--events']);
    for (const host of site.hosts) expect(served(site, host)).toBe(tree);
    const { distributed, fetched } = tellOf(run);
    expect(distributed).toMatchObject([{ failed: 0, tiers: [{ hosts: 1 }, { hosts: 1 }] }]);
    for (const host of hosts) expect(fetched.get(host)?.sentBytes, host).toBeLessThan(10_000);
    expect(await site.ok(['verify', '--deep'])).toMatchObject({ status: 0 });
  });

  it('[B17] seeds new hosts, and leaves the others alone', async () => {
    const { site, tree } = largeSite({ more: ['web7', 'web8'] });
    await site.ok(['push', '--limit', 'web[1:6]']);
    await site.settle();
    const run = await site.ok(['seed', 'web7', 'web8', '--events']);
    for (const host of site.hosts) expect(served(site, host)).toBe(tree);
    const { distributed, fetched } = tellOf(run);
    expect(distributed).toMatchObject([{ failed: 0, hosts: 2 }]);
    expect([...fetched.keys()].toSorted()).toEqual(['web7', 'web8']);
  });

  it('comes from the deploy host when targets cannot reach each other', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    servers.add(server);
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const { site, tree } = largeSite({ ports: String(port) });
    const run = await site.ok(['push', '--events']);
    for (const host of hosts) expect(served(site, host)).toBe(tree);
    const [{ bytes, sentBytes, losses }] = tellOf(run).distributed as [Told['distributed'][0]];
    expect(losses).toBeGreaterThan(0);
    expect(sentBytes).toBeGreaterThanOrEqual(hosts.length * bytes);
    expect(sentBytes).toBeLessThanOrEqual((2 + losses) * bytes);
  });

  it('[B18] may take longer than timeouts.fetch as long as its bytes come, as slowly as bwlimit says', async () => {
    const { site, tree } = largeSite({ bwlimit: '1500kB', fetchTimeout: '6s' });
    const run = await site.ok(['push', '--events']);
    for (const host of hosts) expect(served(site, host)).toBe(tree);
    expect(tellOf(run).distributed).toMatchObject([{ losses: 0, failed: 0 }]);
  });

  it('[B14] reaches the others when targets on its way are killed', async () => {
    const { site, tree } = largeSite({ bwlimit: '6MB', budget: 2 });
    const push = site.start(['push', '--events']);
    const dead = (await copiesUnderWay(site, 4)).slice(0, 2);
    for (const host of dead) process.kill(agentOf(site, host), 'SIGKILL');
    const run = await push.done;
    const story = `${run.stdout}\n${run.stderr}`;
    expect(run.status, story).toBe(1);
    const [{ bytes, sentBytes, losses, failed }] = tellOf(run).distributed as [Told['distributed'][0]];
    expect(failed, story).toBe(2);
    expect(sentBytes).toBeLessThanOrEqual((2 + losses) * bytes);
    for (const host of hosts)
      expect(served(site, host), `${host}\n${story}`).toBe(dead.includes(host) ? undefined : tree);
    await site.settle();
    await site.ok(['push']);
    for (const host of hosts) expect(served(site, host)).toBe(tree);
  });

  it.each<[string, 'SIGINT' | 'SIGKILL', number | null]>([
    ['Ctrl-C', 'SIGINT', 130],
    ['kill -9', 'SIGKILL', null],
  ])('[B16] [B23] [B36] is taken up where it was after %s of the deploy host', async (_what, signal, status) => {
    const { site, tree } = largeSite({ bwlimit: '6MB' });
    const push = site.start(['push', '--events']);
    await copiesUnderWay(site, 4);
    push.kill(signal);
    expect((await push.done).status).toBe(status);
    await site.settle();
    for (const host of hosts) expect(served(site, host)).toBe(undefined);
    const held = new Map(hosts.map((host) => [host, receivedBytes(site, host)]));
    const run = await site.ok(['push', '--events']);
    for (const host of hosts) expect(served(site, host)).toBe(tree);
    const { fetched } = tellOf(run);
    const halves = [...held].filter(([, bytes]) => bytes > 0);
    expect(halves.length).toBeGreaterThanOrEqual(4);
    for (const [host, bytes] of halves) expect(fetched.get(host)?.resumedBytes, host).toBe(bytes);
  });

  it('[B16] [B21] is not believed where somebody has changed what was left of it', async () => {
    const { site, tree } = largeSite({ bwlimit: '6MB' });
    const push = site.start(['push']);
    await copiesUnderWay(site, 4);
    push.kill('SIGINT');
    await push.done;
    await site.settle();
    const host = hosts.find((each) => receivedBytes(site, each) > 0) as string;
    const work = join(site.cache(host), 'work');
    const name = readdirSync(work).find((each) => each.endsWith('.part')) as string;
    const bytes = readFileSync(join(work, name));
    bytes[1000] = (bytes[1000] as number) ^ 1;
    writeFileSync(join(work, name), bytes);
    const run = await site.ok(['push', '--events']);
    for (const each of hosts) expect(served(site, each)).toBe(tree);
    expect(tellOf(run).distributed.at(0)?.losses).toBeGreaterThan(0);
  });
});
