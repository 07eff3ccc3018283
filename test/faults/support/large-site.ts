// Fleets that are pushed bundles large enough to go from target to target, and what such a push says of them.
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { receivedBytes } from './relayed.ts';
import { eventually, type Finished, hashTree, Site, stage } from './site.ts';

export const hosts = ['web1', 'web2', 'web3', 'web4', 'web5', 'web6'];
export const largeBytes = 12_000_000;

/** Every bundle above 1 MiB goes from target to target; `bwlimit` leaves time for something to happen. */
export function largeSite({
  ports = '8730-8790',
  bwlimit = '0',
  budget = 0,
  more = [] as string[],
  fetchTimeout = '10m',
  carrier = 'relay',
  sites = {} as Readonly<Record<string, string>>,
} = {}) {
  const config = [
    `fanout: {degree: 2, threshold: 1MiB, ports: "${ports}", bwlimit: ${bwlimit}, carrier: ${carrier}}`,
    `timeouts: {fetch: ${fetchTimeout}}`,
    `groups: [{name: all, hosts: ["*"], failureBudget: ${budget}}]`,
  ];
  const site = new Site({ hosts: [...hosts, ...more], config: config.join('\n'), sites });
  return { site, tree: stageLarge(site, 0) };
}

/** Returns what is to be served: see `hashTree`. */
export function stageLarge(site: Site, n: number): string {
  stage(site.staging, n);
  writeFileSync(join(site.staging, 'pack.bin'), randomBytes(largeBytes));
  return hashTree(site.staging);
}

/** What a host serves. */
export function served(site: Site, host: string): string | undefined {
  return existsSync(site.live(host)) ? hashTree(site.live(host)) : undefined;
}

interface Fetched {
  readonly sentBytes: number;
  readonly resumedBytes: number;
  readonly tier: number;
  readonly bytesFrom: Readonly<Record<string, number>>;
}

export interface Told {
  readonly distributed: {
    readonly bytes: number;
    readonly sentBytes: number;
    readonly losses: number;
    readonly failed: number;
    readonly tiers: readonly { readonly hosts: number; readonly bytes: number }[];
  }[];
  readonly fetched: ReadonlyMap<string, Fetched>;
}

/** What the events of a run say of how the bytes came. */
export function tellOf({ stdout }: Finished): Told {
  const events = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
  const fetched = events.filter(({ type, stage: name }) => type === 'task.finished' && name === 'fetch');
  return {
    distributed: events.filter(({ type }) => type === 'bundle.distributed'),
    fetched: new Map(fetched.map(({ host, data }) => [host, data])),
  };
}

/** Waits until at least so many copies are under way; returns to whom. */
export async function copiesUnderWay(site: Site, least: number): Promise<readonly string[]> {
  const underWay = () => hosts.filter((host) => receivedBytes(site, host) > 100_000);
  await eventually(() => underWay().length >= least);
  return underWay();
}

/** That nothing was lost, and every byte that every host got has a source; returns the account. */
export function expectAccounted(site: Site, run: Finished): Told['distributed'][0] {
  const { distributed, fetched } = tellOf(run);
  expect(distributed).toHaveLength(1);
  const [{ bytes, sentBytes, tiers, losses, failed }] = distributed as [Told['distributed'][0]];
  expect({ losses, failed }).toEqual({ losses: 0, failed: 0 });
  expect(bytes).toBeGreaterThan(largeBytes);
  expect(sentBytes, 'degree times the bundle at most').toBeLessThanOrEqual(2 * bytes);
  expect(tiers.reduce((sum, tier) => sum + tier.hosts, 0)).toBe(site.hosts.length);
  expect(tiers.reduce((sum, tier) => sum + tier.bytes, 0)).toBe(site.hosts.length * bytes);
  for (const [host, data] of fetched) {
    const others = Object.values(data.bytesFrom).reduce((sum, each) => sum + each, 0);
    expect(data.sentBytes + others + data.resumedBytes, host).toBe(bytes);
  }
  return { bytes, sentBytes, tiers, losses, failed };
}
