// Ctrl-C, once and twice, at every stage of a push.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cleanUp, eventually, type Fault, killPid, Site, stage } from './support/site.ts';
import { expectHonestMarkers, expectOldOrNew, expectRepaired } from './support/soundness.ts';

let site: Site;
let before: string;
let after: string;

beforeEach(async () => {
  site = new Site({ keepRevisions: 2 });
  for (let n = 0; n < 3; n++) {
    before = stage(site.staging, n);
    await site.ok(['push']);
  }
  await site.settle();
  after = stage(site.staging, 3);
});

afterEach(cleanUp);

interface Gate {
  readonly stage: string;
  /** The step that is made slow, so that the signal comes while it is done. */
  readonly fault: Fault;
  /** What may be live afterwards, and what the exit status may be. */
  readonly live: readonly ('old' | 'new')[];
  readonly status: readonly number[];
}

const slow = { action: 'delay', ms: 700 };
const gates: readonly Gate[] = [
  {
    stage: 'capture',
    fault: { ...slow, role: 'deploy', op: 'openSync', match: 'work/pack-' },
    live: ['old'],
    status: [130],
  },
  {
    stage: 'commit',
    fault: { ...slow, role: 'deploy', op: 'spawn', match: 'index-pack' },
    live: ['old'],
    status: [130],
  },
  {
    stage: 'connect',
    fault: { ...slow, role: 'agent', op: 'spawn', match: 'git --version' },
    live: ['old'],
    status: [130],
  },
  {
    stage: 'transfer',
    fault: { ...slow, role: 'agent', op: 'renameSync', match: 'bundle-' },
    live: ['old'],
    status: [130],
  },
  { stage: 'fetch', fault: { ...slow, role: 'agent', op: 'spawn', match: 'index-pack' }, live: ['old'], status: [130] },
  { stage: 'write', fault: { ...slow, role: 'agent', op: 'openSync', match: 'VERSION' }, live: ['old'], status: [130] },
  {
    stage: 'promote',
    fault: { ...slow, role: 'agent', op: 'symlinkSync', match: 'live' },
    live: ['old', 'new'],
    status: [130],
  },
  {
    stage: 'record',
    fault: { ...slow, role: 'deploy', op: 'spawn', match: 'update-ref', nth: 2 },
    live: ['new'],
    status: [130],
  },
  {
    stage: 'finalize',
    fault: { ...slow, role: 'agent', op: 'renameSync', match: 'retired' },
    live: ['new'],
    status: [0, 130],
  },
];

describe.each(['SIGINT', 'SIGTERM'] as const)('%s once', (name) => {
  it.each(name === 'SIGINT' ? gates : gates.filter(({ stage: at }) => ['fetch', 'promote'].includes(at)))(
    '[B36] during $stage: nothing new starts, it says what is live where, the next push carries on',
    async ({ stage: at, fault, live, status }) => {
      const mark = join(site.dir, 'reached');
      const run = site.start(['push'], { fault: { ...fault, mark } });
      await eventually(() => existsSync(mark));
      killPid(run.pid, name);
      const ended = await run.done;
      const story = `${at}: ${ended.status} ${ended.signal}\n${ended.stdout}\n${ended.stderr}`;
      expect(status, story).toContain(ended.status);
      expect(ended.durationMs, story).toBeLessThan(15_000);
      expectOldOrNew(
        site,
        live.map((which) => (which === 'old' ? before : after)),
        story,
      );
      // Started or not, each host that was to be promoted is named with what it serves; before a run there is one sentence.
      if (['fetch', 'write', 'promote', 'record'].includes(at)) {
        for (const host of site.hosts) expect(ended.stdout, story).toMatch(new RegExp(`${host}|3 hosts|all`));
        expect(ended.stdout, story).toContain(site.liveSha('web1').slice(0, 12));
      }
      expect(`${ended.stdout}${ended.stderr}`, story).not.toMatch(/Internal error/);
      if (ended.status === 130) expect(`${ended.stdout}${ended.stderr}`, story).toMatch(/[Ii]nterrupt|[Ss]topped/);
      await site.settle();
      expectHonestMarkers(site, [before, after, stageHash(site, 1), stageHash(site, 0)], story);
      await repair(story);
    },
  );
});

/** What content number `n` hashes to; staging is put back. */
function stageHash({ staging }: Site, n: number): string {
  const hash = stage(staging, n);
  stage(staging, 3);
  return hash;
}

async function repair(story: string): Promise<void> {
  const repaired = await site.scap(['push']);
  expect(repaired.status, `${story}\n${repaired.stderr}`).toBe(0);
  await site.settle();
  expectOldOrNew(site, [after], story);
  after = stage(site.staging, 4);
  await site.ok(['push']);
  await expectRepaired(site, after, story);
}

describe('a signal twice', () => {
  it.each([
    { at: 'fetch', fault: { role: 'agent', op: 'spawn', match: 'index-pack' } },
    { at: 'promote', fault: { role: 'agent', op: 'symlinkSync', match: 'live' } },
  ])(
    '[B36] during $at: exits at once with 130, leaves no process behind, and the next push repairs',
    async ({ fault }) => {
      const mark = join(site.dir, 'reached');
      const run = site.start(['push'], { fault: { ...fault, action: 'delay', ms: 20_000, mark } });
      await eventually(() => existsSync(mark));
      killPid(run.pid, 'SIGINT');
      await run.until(/[Ii]nterrupt|Ctrl-C|[Ss]topping/);
      const insistedAt = Date.now();
      killPid(run.pid, 'SIGINT');
      const ended = await run.done;
      expect(Date.now() - insistedAt).toBeLessThan(1000);
      expect(ended.status).toBe(130);
      await eventually(() => site.processes().length === 0, 3000);
      expectOldOrNew(site, [before, after], 'after the second signal');
      await repair('after the second signal');
    },
  );
});
