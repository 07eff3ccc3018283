// Two operators on one deploy host, and two deploy hosts that both take four SSH hosts for theirs.
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Fleet } from '../../scripts/lib/fleet/fleet.mjs';
import { cleanUp, eventually, type Finished, killPid, type Running, stage } from './support/site.ts';
import { expectOldOrNew, expectRepaired } from './support/soundness.ts';
import { afterEvent, SshSite, startHosts } from './support/ssh-site.ts';

const groups = ['  - {name: all, hosts: ["*"], failureBudget: 0}'];

let fleet: Fleet;
let first: SshSite;
let second: SshSite;
let staged = 0;

beforeAll(async () => {
  fleet = await startHosts(4);
  first = new SshSite(fleet, { groups });
  second = new SshSite(fleet, { groups });
  stageNext(first);
  await first.ok(['push']);
  await first.settle();
});

afterAll(async () => {
  await fleet.stop();
  await cleanUp();
});

const halted = new Set<Running>();

afterEach(() => {
  for (const running of halted) running.kill('SIGKILL');
  halted.clear();
});

/** Content that neither has ever staged. Returns its hash. */
function stageNext({ staging }: SshSite): string {
  staged++;
  return stage(staging, staged);
}

/** Starts a push that stands still after an event; `killPid(pid, 'SIGCONT')` lets it go on. */
async function startHalted(site: SshSite, type: string, inStage: string): Promise<Running> {
  const mark = join(site.dir, `halted-${staged}`);
  const fault = { ...afterEvent(type, inStage), action: 'stop', mark };
  const running = site.start(['push', '-m', 'fix the logo'], { fault });
  halted.add(running);
  await eventually(() => existsSync(mark), 30_000);
  return running;
}

const story = ({ status, stdout, stderr }: Finished) => `ended with ${status}\n${stdout}\n${stderr}`;

describe('two operators on one deploy host', () => {
  it('[B40] one waits or is told who holds it, the other deploys undisturbed', async () => {
    const tree = stageNext(first);
    const holder = await startHalted(first, 'stage.started', 'fetch');
    const refused = await first.scap(['push', '--json']);
    expect(refused.status, story(refused)).toBe(4);
    expect(refused.stderr).toMatch(
      new RegExp(`${userInfo().username} on .* \\(pid ${holder.pid}\\) holds it since \\d{4}-.*: push: fix the logo`),
    );
    expect(JSON.parse(refused.stdout).error).toMatchObject({
      code: 'lock_held',
      data: { holder: { pid: holder.pid } },
    });
    const waiting = first.start(['push', '--wait', '60s']);
    await waiting.until(/fix the logo/);
    killPid(holder.pid, 'SIGCONT');
    const [won, waited] = [await holder.done, await waiting.done];
    expect(won.status, story(won)).toBe(0);
    expect(waited.status, story(waited)).toBe(0);
    await expectRepaired(first, tree, 'after both');
  });
});

describe('two deploy hosts', () => {
  /** `stale` is refused before it has touched anything. */
  async function expectRefused(stale: SshSite, codes: readonly string[]): Promise<void> {
    const live = stale.hosts.map((host) => stale.liveSha(host));
    stageNext(stale);
    const refused = await stale.scap(['push', '--json']);
    expect(refused.status, story(refused)).toBe(7);
    const { error } = JSON.parse(refused.stdout);
    expect(codes, story(refused)).toContain(error.code);
    expect(error.hint, story(refused)).toContain('--force');
    expect(stale.hosts.map((host) => stale.liveSha(host))).toEqual(live);
  }

  async function takeOver(site: SshSite): Promise<void> {
    const tree = stageNext(site);
    await pushForced(site);
    await expectRepaired(site, tree, 'after taking over');
  }

  async function pushForced(site: SshSite): Promise<void> {
    const taken = await site.scap(['push', '--force']);
    expect(taken.status, story(taken)).toBe(0);
  }

  it('[B41] [B53] the stale one is refused, takes over with --force, and then the other is refused', async () => {
    await expectRefused(second, ['fence_stale', 'live_unknown_revision']);
    await takeOver(second);
    await expectRefused(first, ['live_unknown_revision']);
    await takeOver(first);
    stageNext(first);
    await first.ok(['push']);
    await first.settle();
    await expectRefused(second, ['fence_stale']);
  });

  it('[B41] a run that is overtaken before it has begun on the hosts is refused by the hosts', async () => {
    await takeOver(first);
    stageNext(first);
    const overtaken = await startHalted(first, 'stage.started', 'fetch');
    const tree = stageNext(second);
    await pushForced(second);
    const live = first.hosts.map((host) => first.liveSha(host));
    killPid(overtaken.pid, 'SIGCONT');
    const ended = await overtaken.done;
    expect(ended.status, story(ended)).toBe(7);
    expect(`${ended.stdout}${ended.stderr}`, story(ended)).toMatch(/Cannot accept run \d+.*already seen/);
    // What it saw there before is not what is live there now.
    expect(ended.stdout.slice(ended.stdout.indexOf('What the hosts serve now')), story(ended)).toMatch(/unknown/i);
    expect(first.hosts.map((host) => first.liveSha(host))).toEqual(live);
    await expectRepaired(second, tree, 'after both');
    await expectRefused(first, ['fence_stale', 'live_unknown_revision']);
  });

  it('[B41] who takes over while the other is at work waits for its hosts, and what it deploys stays', async () => {
    await takeOver(first);
    const before = stageNext(first);
    const atWork = await startHalted(first, 'task.finished', 'fetch');
    const tree = stageNext(second);
    const taking = second.start(['push', '--force', '--events']);
    await taking.until(/"type":"task.started".*"stage":"fetch"/);
    killPid(atWork.pid, 'SIGCONT');
    const [worked, taken] = [await atWork.done, await taking.done];
    expect(worked.status, story(worked)).toBe(0);
    expect(before).not.toBe(tree);
    expect(taken.status, story(taken)).toBe(0);
    await expectRepaired(second, tree, 'after taking over');
    await expectRefused(first, ['fence_stale', 'live_unknown_revision']);
  });

  it('[B41] [I8] of two that take over at once nobody lies about what is live', async () => {
    await takeOver(first);
    const before = stage(first.staging, staged);
    const sites = [first, second] as const;
    const trees = sites.map(stageNext);
    const ended = await Promise.all(sites.map((site) => site.scap(['push', '--force'])));
    const stories = ended.map(story).join('\n');
    expectOldOrNew(first, [before, ...trees], stories);
    for (const [at, { status }] of ended.entries()) {
      expect([0, 1, 5, 7], stories).toContain(status);
      const other = ended[1 - at];
      // One that was done before the other began may have been replaced since.
      if (status === 0 && other?.status !== 0) expectOldOrNew(first, [trees[at] as string], stories);
    }
    await first.settle();
    await takeOver(second);
  });
});
