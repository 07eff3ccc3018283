// New hosts of a site get a revision from those of the site that have it, whatever becomes of these.
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { agentOf, receivedBytes } from './support/relayed.ts';
import { cleanUp, eventually, type Finished, hashTree, Site, stage } from './support/site.ts';

const north = ['web1', 'web2', 'web3', 'web4'];
const south = ['web5', 'web6'];

afterEach(cleanUp);

interface Distributed {
  readonly origin: string | null;
  readonly hosts: number;
  readonly bytes: number;
  readonly sentBytes: number;
}

function eventsOf({ stdout }: Finished, type: string) {
  const events = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
  return events.filter((event) => event.type === type);
}

/** Two sites; the first two hosts of the north and nobody in the south have the revision. */
async function seeded({ bwlimit = '0' } = {}) {
  const sites = Object.fromEntries([
    ...north.map((host) => [host, 'north'] as const),
    ...south.map((host) => [host, 'south'] as const),
  ]);
  const config = `fanout: {degree: 2, threshold: 1MiB, ports: "8730-8790", bwlimit: ${bwlimit}}`;
  const site = new Site({ hosts: [...north, ...south], config, sites });
  stage(site.staging, 0);
  writeFileSync(join(site.staging, 'pack.bin'), randomBytes(8_000_000));
  await site.ok(['push', '--limit', 'web[1:2]']);
  await site.settle();
  return { site, tree: hashTree(site.staging) };
}

function expectServed(site: Site, hosts: readonly string[], tree: string): void {
  for (const host of hosts)
    expect(existsSync(site.live(host)) ? hashTree(site.live(host)) : 'nothing', host).toBe(tree);
}

describe('seeding beside hosts that have the revision', () => {
  it('[B17] takes it from those of the same site, although they take no part in the run', async () => {
    const { site, tree } = await seeded();
    const run = await site.ok(['seed', 'web3', 'web4', '--events']);
    expectServed(site, ['web1', 'web2', 'web3', 'web4'], tree);
    const [told, ...more] = eventsOf(run, 'bundle.distributed') as Distributed[];
    expect(more).toEqual([]);
    expect(told).toMatchObject({ origin: 'web1', hosts: 2, sentBytes: 0 });
    expect(eventsOf(run, 'bundle.built'), 'the deploy host had nothing to pack').toEqual([]);
    for (const { data } of eventsOf(run, 'task.finished').filter(({ stage: name }) => name === 'fetch')) {
      const others = Object.values(data.bytesFrom as Record<string, number>).reduce((sum, each) => sum + each, 0);
      expect([data.sentBytes, others]).toEqual([0, told?.bytes]);
    }
    await site.settle();
    for (const host of north) expect(readdirSync(join(site.cache(host), 'work')), host).toEqual(['spare']);
    await site.ok(['verify', '--deep', '--limit', 'web[1:4]']);
  });

  it('[B17] takes it from the deploy host where a site has nobody', async () => {
    const { site, tree } = await seeded();
    const run = await site.ok(['seed', ...south, '--events']);
    expectServed(site, south, tree);
    expect(eventsOf(run, 'bundle.distributed')).toMatchObject([{ origin: null, hosts: 2 }]);
  });

  it('[B15] [B17] serves two sites at once, each from its nearest, in a push of what is live', async () => {
    const { site, tree } = await seeded();
    const run = await site.ok(['push', '--events']);
    expectServed(site, site.hosts, tree);
    const told = (eventsOf(run, 'bundle.distributed') as Distributed[]).map(({ origin, hosts }) => [origin, hosts]);
    expect(told.toSorted()).toEqual([
      [null, 2],
      ['web1', 2],
    ]);
  });

  it('[B14] goes on with the deploy host when the neighbour dies on the way', async () => {
    const { site, tree } = await seeded({ bwlimit: '4MB' });
    const seeding = site.start(['seed', 'web3', '--events']);
    await eventually(() => receivedBytes(site, 'web3') > 500_000);
    process.kill(agentOf(site, 'web1'), 'SIGKILL');
    const run = await seeding.done;
    expect(run.status, run.stderr).toBe(0);
    expectServed(site, ['web1', 'web3'], tree);
    expect(eventsOf(run, 'copy.failed').length).toBeGreaterThan(0);
    expect((eventsOf(run, 'bundle.distributed') as Distributed[]).map(({ origin }) => origin)).toContain(null);
    await site.settle();
    expectServed(site, ['web1'], tree);
    await site.ok(['push']);
    expectServed(site, site.hosts, tree);
  });

  it('[B14] [B21] passes over neighbours whose repository is damaged', async () => {
    const { site, tree } = await seeded();
    for (const host of ['web1', 'web2']) {
      const packs = join(site.cache(host), 'repo.git/objects/pack');
      for (const name of readdirSync(packs)) if (name.endsWith('.pack')) truncateSync(join(packs, name), 1000);
    }
    const run = await site.ok(['seed', 'web3', '--events']);
    expectServed(site, ['web3'], tree);
    expect(eventsOf(run, 'neighbour.failed').map(({ host }) => host)).toEqual(['web1', 'web2']);
    expect(eventsOf(run, 'bundle.distributed')).toMatchObject([{ origin: null, hosts: 1 }]);
  });
});
