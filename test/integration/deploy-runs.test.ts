// Runs that go wrong half-way, in this process: what the deploy host does about it, and what it remembers.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ScapError } from '../../src/core/errors.ts';
import type { Sha } from '../../src/core/sha.ts';
import type { Command, Notify, RunContext, TaskResult } from '../../src/deploy/commands/command.ts';
import { PromoteCommand } from '../../src/deploy/commands/promote.ts';
import { openForReading } from '../../src/deploy/deploy-host.ts';
import { readDeployRecords } from '../../src/deploy/deploy-records.ts';
import { maintainDeployRepository } from '../../src/deploy/maintain.ts';
import { outcomeStatus } from '../../src/deploy/outcome.ts';
import type { Task } from '../../src/plan/plan.ts';
import { openDeployRepository } from '../../src/revision/deploy-repository.ts';
import { createDeployWorld, type DeployWorld } from '../support/deploy-world.ts';
import { gitLine } from '../support/git-oracle.ts';
import { withoutAgents } from '../support/operator.ts';

type PromoteArguments = ReturnType<PromoteCommand['parse']>;

/** Promotes as ever, but while it is broken, one host fails when the others have been promoted. */
class BreakablePromote extends PromoteCommand {
  broken: string | undefined;
  promoted = 0;
  /** What happens just before the failure. */
  meanwhile: () => void = () => {};

  override async execute(run: RunContext, args: PromoteArguments, task: Task, notify: Notify): Promise<TaskResult> {
    if (this.broken === undefined || task.host !== this.broken || task.id.startsWith('undo-')) {
      const result = await super.execute(run, args, task, notify);
      this.promoted++;
      return result;
    }
    while (this.promoted < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    this.meanwhile();
    throw new ScapError('check_failed', 'it is broken');
  }
}

function breakableWorld(): { world: DeployWorld; promote: BreakablePromote } {
  const promote = new BreakablePromote();
  return { world: createDeployWorld({ commands: [promote as unknown as Command] }), promote };
}

const index = ({ me }: DeployWorld, host: string) => readFileSync(join(me.live(host), 'index.php'), 'utf8');
const everywhere = (world: DeployWorld) => ['web1', 'web2', 'web3'].map((host) => index(world, host));
const breakNow = (promote: BreakablePromote, meanwhile = () => {}) =>
  Object.assign(promote, { broken: 'web3', promoted: 0, meanwhile });

describe('[B32][I9] a run that fails while it promotes', () => {
  it('goes back on every host', async () => {
    const { world, promote } = breakableWorld();
    await world.pushText('one');
    breakNow(promote);
    world.me.stage({ 'index.php': 'two' });
    const { outcome, counts } = await world.push();
    expect([outcome, outcomeStatus(outcome)]).toEqual(['rolled-back', 5]);
    expect(counts).toMatchObject({ 'rolled-back': 3, promoted: 0, failed: 0 });
    expect(everywhere(world)).toEqual(['one', 'one', 'one']);
  });

  it('goes back to an old revision that was edited by hand meanwhile, once it is repaired: exit 5', async () => {
    const { world, promote } = breakableWorld();
    const one = await world.pushText('one');
    const edited = ['web1', 'web2'].map((host) => join(world.me.cache(host), 'revs', one, 'index.php'));
    breakNow(promote, () => {
      for (const path of edited) writeFileSync(path, 'one, by hand');
    });
    world.me.stage({ 'index.php': 'two' });
    const { outcome } = await world.push();
    expect([outcome, outcomeStatus(outcome)]).toEqual(['rolled-back', 5]);
    expect(everywhere(world)).toEqual(['one', 'one', 'one']);
    const noted = world.events.flatMap((event) =>
      event.type === 'host.noted' && event.code === 'drift.found' ? [event.host] : [],
    );
    expect(noted.sort()).toEqual(['web1', 'web2']);
    await withoutAgents(world.me.cwd);
    await world.me.expectStatus(0, 'verify', '--deep');
  });

  it('goes back to an old revision that a host has lost meanwhile', async () => {
    const { world, promote } = breakableWorld();
    const one = await world.pushText('one');
    breakNow(promote, () => rmSync(join(world.me.cache('web1'), 'revs', one), { recursive: true }));
    world.me.stage({ 'index.php': 'two' });
    expect((await world.push()).outcome).toBe('rolled-back');
    expect(everywhere(world)).toEqual(['one', 'one', 'one']);
  });

  it('puts back what stood at the live path before scap', async () => {
    const { world, promote } = breakableWorld();
    mkdirSync(world.me.live('web1'), { recursive: true });
    writeFileSync(join(world.me.live('web1'), 'index.php'), 'theirs');
    breakNow(promote);
    expect((await world.push({ adopt: true })).outcome).toBe('rolled-back');
    expect(index(world, 'web1')).toBe('theirs');
    expect(readdirSync(join(world.me.live('web1'), '..')).sort()).toEqual(['cache', 'live']);
    expect(readdirSync(join(world.me.live('web2'), '..'))).toEqual(['cache']);
  });

  it('leaves the hosts as they are when it was told to: exit 6', async () => {
    const { world, promote } = breakableWorld();
    await world.pushText('one');
    breakNow(promote);
    world.me.stage({ 'index.php': 'two' });
    const { outcome } = await world.push({ rollback: false });
    expect([outcome, outcomeStatus(outcome)]).toEqual(['not-rolled-back', 6]);
    expect(everywhere(world)).toEqual(['two', 'two', 'one']);
  });
});

describe('[B23] a record that cannot be written', () => {
  it('does not fail the run, and what it deployed is a step to roll back to all the same', async () => {
    const world = createDeployWorld();
    const { deploys } = world.host.layout;
    await world.pushText('one');
    const records = readFileSync(deploys);
    const stop = world.host.bus.listen((event) => {
      if (event.type !== 'host.finished') return;
      stop();
      rmSync(deploys);
      mkdirSync(deploys);
    });
    world.me.stage({ 'index.php': 'two' });
    const { outcome, plan } = await world.push();
    expect([outcome, outcomeStatus(outcome)]).toEqual(['ok', 0]);
    expect(world.events.find(({ type }) => type === 'maintenance.failed')).toMatchObject({
      error: { code: 'io_failed' },
    });
    expect(world.events.at(-1)?.type).toMatch(/^(run\.finished|maintenance\.failed)$/);
    expect(everywhere(world)).toEqual(['two', 'two', 'two']);

    rmSync(deploys, { recursive: true });
    writeFileSync(deploys, records);
    await world.pushText('three');
    expect(readDeployRecords(world.host.layout).map(({ n, outcome: ended }) => [n, ended])).toEqual([
      [1, 'ok'],
      [2, 'aborted'],
      [3, 'ok'],
    ]);
    expect((await world.rollback()).plan.revision).toBe(plan.revision);
    expect(everywhere(world)).toEqual(['two', 'two', 'two']);
  });
});

describe('[B25] the refs of a revision', () => {
  const refs = ({ host }: DeployWorld) =>
    gitLine(['--git-dir', host.layout.repo, 'for-each-ref', '--format=%(refname) %(objectname)']).split('\n');
  const refsOf = (world: DeployWorld, sha: Sha) => refs(world).filter((line) => line.includes(sha));

  it('are made with it and go with it, the one that stands for the revision itself included', async () => {
    const world = createDeployWorld({ config: { keepDeploys: 2 } });
    const shas: Sha[] = [];
    for (const text of ['one', 'two', 'three', 'four']) shas.push(await world.pushText(text));
    for (const [at, sha] of shas.entries()) {
      const names = refsOf(world, sha).map((line) => line.split(' ')[0]);
      expect(names).toEqual(
        expect.arrayContaining([
          `refs/scap/revisions/${sha}`,
          `refs/scap/times/${sha}`,
          `refs/scap/records/${sha}`,
          `refs/scap/deploys/${at + 1}`,
        ]),
      );
      expect(refsOf(world, sha)).toContain(`refs/scap/revisions/${sha} ${sha}`);
    }
    const repository = await openDeployRepository(world.host.layout.repo, { create: false });
    await maintainDeployRepository(world.host, repository, { full: true });
    const [one, two, three, four] = shas as [Sha, Sha, Sha, Sha];
    for (const gone of [one, two]) expect(refsOf(world, gone)).toEqual([]);
    for (const kept of [three, four]) expect(refsOf(world, kept)).toContain(`refs/scap/revisions/${kept} ${kept}`);
    expect([...(await openForReading(world.host)).revisions()].sort()).toEqual([three, four].sort());
    gitLine(['--git-dir', world.host.layout.repo, 'fsck', '--connectivity-only']);
    expect((await world.rollback()).plan.revision).toBe(three);
  });
});
