// Several fleets for the tests of one file, which run at once, each with a fleet of its own for as long as it runs.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HalfDeadSite, type HalfDeadSiteOptions } from './half-dead-site.ts';
import { cleanUp } from './site.ts';

const testTimeoutMs = 240_000;

/** Starts `count` fleets before the tests of a file, and returns how such a test is written. */
export function useFleets(count: number, options: HalfDeadSiteOptions) {
  const all: HalfDeadSite[] = [];
  const free: HalfDeadSite[] = [];
  const waiting: ((site: HalfDeadSite) => void)[] = [];

  const open = async (): Promise<HalfDeadSite> => {
    const site = await HalfDeadSite.start(options);
    all.push(site);
    site.stage();
    const first = await site.push();
    expect(first.status, first.story).toBe(0);
    return site;
  };
  const handOn = (site: HalfDeadSite) => {
    const next = waiting.shift();
    if (next === undefined) free.push(site);
    else next(site);
  };

  beforeAll(async () => {
    for (const site of await Promise.all(Array.from({ length: count }, open))) handOn(site);
  });
  afterAll(async () => {
    await Promise.all(all.map((site) => site.fleet.stop()));
    await cleanUp();
  });

  /** A fleet that met a failed test is not used again. */
  return function onFleet(name: string, test: (site: HalfDeadSite) => Promise<void>): void {
    it.concurrent(name, { timeout: testTimeoutMs }, async () => {
      const site = free.pop() ?? (await new Promise<HalfDeadSite>((resolve) => waiting.push(resolve)));
      try {
        await test(site);
      } catch (error) {
        await site.fleet.stop();
        handOn(await open());
        throw error;
      }
      handOn(site);
    });
  };
}
