// Kills a process of a push at one point after the other. Each point starts where the repair of the one before it ended: no copying, and the
// site grows old meanwhile (revisions are pruned, packs and swaps pile up) as a real one does.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Finished, Site } from './site.ts';
import { stage } from './site.ts';
import { expectHonestMarkers, expectOldOrNew, expectRepaired, hasLitter } from './soundness.ts';

export type Role = Readonly<Record<string, string>>;

/** A site whose content is replaced push by push. */
export class Rolling {
  readonly site: Site;
  readonly trees: string[] = [];

  constructor(site: Site) {
    this.site = site;
  }

  /** What is live before the next push; only known after one. */
  get tree(): string {
    return this.trees.at(-1) as string;
  }

  /** Stages new content. */
  next(): string {
    this.trees.push(stage(this.site.staging, this.trees.length));
    return this.tree;
  }

  async push(): Promise<void> {
    this.next();
    await this.site.ok(['push']);
    await this.site.settle();
  }

  /** Pushes new content while `fault` strikes, looks at what is left, and has the next push repair it. */
  async strike(where: string, push: () => Promise<Finished>): Promise<Finished> {
    const before = this.trees.at(-1);
    const wanted = this.next();
    const struck = await push();
    const allowed = before === undefined ? [wanted] : [before, wanted];
    expectOldOrNew(this.site, allowed, where, { absent: before === undefined });
    expectVerdict(this.site, struck, { before, wanted }, where);
    await this.site.settle();
    expectOldOrNew(this.site, allowed, where, { absent: before === undefined });
    expectHonestMarkers(this.site, this.trees, where);
    await this.repair(where);
    return struck;
  }

  async repair(where: string): Promise<void> {
    const repair = await this.site.scap(['push']);
    expect(repair.status, `${where}: the next push\n${repair.stderr}`).toBe(0);
    await this.site.settle();
    // A push leaves a host alone that serves what it should; what a killed agent had thrown away there goes with the next push that has work.
    if (this.site.hosts.some((host) => hasLitter(this.site, host))) {
      expectOldOrNew(this.site, [this.tree], where);
      await this.push();
    }
    await expectRepaired(this.site, this.tree, where);
  }
}

/** What a push that survived says must be so. */
function expectVerdict(
  site: Site,
  { status, stderr, stdout }: Finished,
  trees: { before: string | undefined; wanted: string },
  where: string,
) {
  const story = `${where}: ended with ${status}\n${stdout}\n${stderr}`;
  expect([null, 0, 1, 5], story).toContain(status);
  if (status === 0) expectOldOrNew(site, [trees.wanted], story);
  if (status === 5)
    expectOldOrNew(site, trees.before === undefined ? [] : [trees.before], story, {
      absent: trees.before === undefined,
    });
}

/** Lists every point of a push at which the process `role` means can be killed. */
export async function tracePush(rolling: Rolling, role: Role, args: readonly string[] = ['push']): Promise<string[]> {
  const trace = `${rolling.site.dir}/trace-${rolling.trees.length}`;
  await rolling.site.ok(args, { fault: { ...role, trace } });
  await rolling.site.settle();
  return readFileSync(trace, 'utf8').trimEnd().split('\n');
}

/** Where a revision, or what is served, becomes true or stops being: these are always tried, before and after. */
const vital =
  /^(renameSync|symlinkSync|rmSync) .*(\/revs\/|\/meta\/|\/live$|\.live\.)|^spawn sync|^mkdirSync .*\/revs\/./;
/** Where anything else changes hands: tried rather than the rest. */
const turningPoint = /^renameSync|^spawn git (index-pack|update-ref|init|pack-objects)|deploys\.jsonl/;

/** Numbers of the calls to try: at most `max` (or the vital ones, when those are more), the same every time; all with SCAP_FAULTS=all. */
export function choosePoints(trace: readonly string[], max: number): number[] {
  const all = trace.map((_, at) => at + 1);
  if (process.env.SCAP_FAULTS === 'all' || all.length <= max) return all;
  const near = (pattern: RegExp) =>
    all.filter((n) => pattern.test(trace[n - 1] ?? '') || pattern.test(trace[n - 2] ?? ''));
  const chosen = new Set(near(vital));
  const turning = near(turningPoint).filter((n) => !chosen.has(n));
  for (const n of spread(turning, Math.ceil((max - chosen.size) / 2))) chosen.add(n);
  const rest = all.filter((n) => !chosen.has(n));
  for (const n of spread(rest, max - chosen.size)) chosen.add(n);
  return [...chosen].sort((x, y) => x - y);
}

function spread(items: readonly number[], count: number): number[] {
  return Array.from(
    { length: Math.min(count, items.length) },
    (_, i) => items[Math.floor((i * items.length) / count)] as number,
  );
}

/** Uniform numbers from 0 to 1, the same for the same seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
