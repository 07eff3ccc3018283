// kill -9 of the deploy process when some hosts are promoted and none is confirmed.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, eventually, killPid, Site, stage } from './support/site.ts';
import { expectRepaired, servedTree } from './support/soundness.ts';

afterEach(cleanUp);

interface SavedPlan {
  readonly revision: string;
  stages: { name: string; tasks: { command: string; host: string; revision: string; onControllerLoss?: string }[] }[];
}

/** Saves a plan of a push in which every host is to go back when it loses the deploy host. */
async function savePlan(site: Site, onControllerLoss: 'keep' | 'revert'): Promise<{ path: string; revision: string }> {
  const path = join(site.dir, 'plan.json');
  await site.ok(['plan', 'push', '--save', path]);
  const plan = JSON.parse(readFileSync(path, 'utf8')) as SavedPlan;
  const at = plan.stages.findIndex(({ name }) => name === 'promote');
  const promotion = plan.stages[at];
  if (promotion === undefined) throw new Error('the plan promotes nothing');
  const confirmation = {
    ...promotion,
    name: 'confirm',
    tasks: promotion.tasks.map(({ host, revision }) => ({ id: `confirm@${host}`, command: 'confirm', host, revision })),
  };
  plan.stages[at] = { ...promotion, tasks: promotion.tasks.map((task) => ({ ...task, onControllerLoss })) };
  if (onControllerLoss === 'revert') plan.stages.splice(at + 1, 0, confirmation);
  writeFileSync(path, JSON.stringify(plan));
  return { path, revision: plan.revision };
}

describe('kill -9 of the deploy process between promotion and confirmation', () => {
  it.each(['keep', 'revert'] as const)(
    '[B23] [B34] with %s: every host is on what that says, and the next push brings all to the new revision',
    async (onControllerLoss) => {
      const site = new Site();
      const before = stage(site.staging, 0);
      await site.ok(['push']);
      await site.settle();
      const after = stage(site.staging, 1);
      const { path, revision } = await savePlan(site, onControllerLoss);
      const mark = join(site.dir, 'stopped');
      const running = site.start(['run', path], {
        fault: { role: 'agent', host: 'web3', op: 'renameSync', match: '/live$', action: 'stop', mark },
      });
      // web3 hangs in its promotion, so the others wait for their confirmation.
      await eventually(() => existsSync(mark) && ['web1', 'web2'].every((host) => site.liveSha(host) === revision));
      running.kill('SIGKILL');
      await running.done;
      killPid(Number(readFileSync(mark, 'utf8').split(' ')[0]));
      await site.settle();
      const expected = onControllerLoss === 'keep' ? after : before;
      expect(site.hosts.map((host) => servedTree(site, host))).toEqual([expected, expected, before]);
      await site.ok(['push']);
      await expectRepaired(site, after, 'after the loss');
    },
  );

  it.each([
    ['succeeds', {}, 0, 'after'],
    [
      'fails on one host and is rolled back',
      { op: 'renameSync', match: '/live$', action: 'fail', code: 'EIO' },
      5,
      'before',
    ],
  ])('with revert, a run that %s leaves nothing unconfirmed', async (_what, fault, status, wanted) => {
    const site = new Site();
    const trees = { before: stage(site.staging, 0), after: '' };
    await site.ok(['push']);
    await site.settle();
    trees.after = stage(site.staging, 1);
    const { path } = await savePlan(site, 'revert');
    const ended = await site.scap(['run', path], { fault: { ...fault, role: 'agent', host: 'web3' } });
    expect(ended.status, ended.stderr).toBe(status);
    await site.settle();
    const expected = trees[wanted as 'before' | 'after'];
    expect(site.hosts.map((host) => servedTree(site, host))).toEqual([expected, expected, expected]);
  });

  it('with revert, a run that fails and is told not to roll back keeps what it has promoted', async () => {
    const site = new Site();
    const before = stage(site.staging, 0);
    await site.ok(['push']);
    await site.settle();
    const after = stage(site.staging, 1);
    const { path } = await savePlan(site, 'revert');
    const fault = { role: 'agent', host: 'web3', op: 'renameSync', match: '/live$', action: 'fail', code: 'EIO' };
    const ended = await site.scap(['run', path, '--no-rollback'], { fault });
    expect(ended.status, ended.stderr).toBe(6);
    await site.settle();
    expect(site.hosts.map((host) => servedTree(site, host))).toEqual([after, after, before]);
  });

  it('with revert, an interrupted run keeps what it has promoted', async () => {
    const site = new Site();
    const before = stage(site.staging, 0);
    await site.ok(['push']);
    await site.settle();
    const after = stage(site.staging, 1);
    const { path, revision } = await savePlan(site, 'revert');
    const mark = join(site.dir, 'reached');
    const running = site.start(['run', path], {
      fault: { role: 'agent', host: 'web3', op: 'renameSync', match: '/live$', action: 'delay', ms: 2000, mark },
    });
    await eventually(() => existsSync(mark) && ['web1', 'web2'].every((host) => site.liveSha(host) === revision));
    running.kill('SIGINT');
    const ended = await running.done;
    expect(ended.status, ended.stderr).toBe(130);
    await site.settle();
    expect(site.hosts.map((host) => servedTree(site, host))).toEqual([after, after, after]);
    expect(before).not.toBe(after);
  });
});
