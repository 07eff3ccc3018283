import { appendFileSync, readdirSync, readFileSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { statesOf } from '../support/host-states.ts';
import { createOperator, type Document, fingerprint, type Operator, withoutAgents } from '../support/operator.ts';
import { writeFleet } from '../support/yaml-fleet.ts';

const hosts = ['mw1', 'mw2'];

async function deployedFleet(): Promise<{ me: Operator; revision: string }> {
  const me = createOperator();
  writeFleet(me, { hosts });
  const { revision } = await me.json(0, 'push');
  await withoutAgents(me.cwd);
  return { me, revision };
}
const index = (me: Operator, host: string) => readFileSync(me.path(`t/${host}/live/index.php`), 'utf8');
const revisionFile = (me: Operator, host: string, revision: string) => me.path(`t/${host}/cache/meta/${revision}.json`);

describe('scap seed', () => {
  it('[B34] brings new hosts to what should be live, not to what is staged, and touches no other', async () => {
    const { me, revision } = await deployedFleet();
    me.stage({ 'index.php': 'not deployed' });
    writeFleet(me, { hosts: [...hosts, 'mw3', 'mw4', 'db1'] });
    const before = hosts.map((name) => [...fingerprint(me.path('t', name))]);
    const result = await me.json(0, 'seed', 'mw[3:4]');
    expect(result).toMatchObject({ ok: true, kind: 'seed', outcome: 'ok', revision, base: revision });
    expect(statesOf(result)).toEqual({
      mw1: 'skipped',
      mw2: 'skipped',
      mw3: 'promoted',
      mw4: 'promoted',
      db1: 'skipped',
    });
    expect([index(me, 'mw3'), index(me, 'mw4')]).toEqual(['<?php // one\n', '<?php // one\n']);
    await withoutAgents(me.cwd);
    expect(hosts.map((name) => [...fingerprint(me.path('t', name))])).toEqual(before);
    const { runs } = await me.json(0, 'history');
    expect(runs.map(({ kind, live }: Document) => [kind, live])).toEqual([
      ['seed', false],
      ['push', true],
    ]);
    expect(runs[0].hosts).toMatchObject({ mw1: 'skipped', mw3: 'promoted' });
    expect((await me.expectStatus(0, 'seed', 'db1')).stdout).toContain(
      `Revision ${revision.slice(0, 12)} is live on 1 of 1 host (1 promoted, 4 left out)`,
    );
    await me.expectStatus(0, 'status');
  });

  it.each<[string, (me: Operator, revision: string) => void, string]>([
    ['was changed on disk', (me) => appendFileSync(me.path('t/mw2/live/index.php'), 'tampered'), 'drifted'],
    ['lost its completeness marker', (me, revision) => unlinkSync(revisionFile(me, 'mw2', revision)), 'broken'],
    [
      'lost the revision itself',
      (me, revision) => rmSync(me.path(`t/mw2/cache/revs/${revision}`), { recursive: true }),
      'broken',
    ],
    ['lost its cache', (me) => rmSync(me.path('t/mw2/cache'), { recursive: true }), 'broken'],
    ['lost its repository', (me) => rmSync(me.path('t/mw2/cache/repo.git'), { recursive: true }), 'unknown'],
    ['lost its live path', (me) => unlinkSync(me.path('t/mw2/live')), 'empty'],
  ])('[B21] [B28] makes a host whole again that %s', async (_what, damage, state) => {
    const { me, revision } = await deployedFleet();
    damage(me, revision);
    expect(statesOf(await me.json(1, 'status')).mw2).toBe(state);
    const result = await me.json(0, 'seed', 'mw2');
    expect(statesOf(result)).toEqual({
      mw1: 'skipped',
      mw2: state === 'empty' ? 'promoted' : 'unchanged',
    });
    expect(index(me, 'mw2')).toBe('<?php // one\n');
    await me.expectStatus(0, 'status');
    await me.expectStatus(0, 'verify', '--deep');
  });

  it('of a host that is well changes nothing it serves, and says so', async () => {
    const { me, revision } = await deployedFleet();
    const { swaps } = JSON.parse(readFileSync(me.path('t/mw2/cache/state.json'), 'utf8'));
    const { stdout } = await me.expectStatus(0, 'seed', 'mw2');
    expect(stdout).toContain(`Revision ${revision.slice(0, 12)} was live on 1 host (1 left out) already`);
    expect(JSON.parse(readFileSync(me.path('t/mw2/cache/state.json'), 'utf8')).swaps).toEqual(swaps);
  });

  it('one host that fails keeps no other from it: exit 1, and says how to try it again', async () => {
    const { me } = await deployedFleet();
    writeFleet(me, { hosts: [...hosts, 'mw3', 'mw4', 'mw5'], broken: ['mw3', 'mw4'] });
    const result = await me.json(1, 'seed', 'mw*', '!mw1', '!mw2');
    expect(result).toMatchObject({ ok: false, status: 1, outcome: 'partial' });
    expect(statesOf(result)).toMatchObject({
      mw3: expect.stringMatching(/^(failed|unreachable)$/),
      mw4: expect.stringMatching(/^(failed|unreachable)$/),
      mw5: 'promoted',
    });
    expect((await me.expectStatus(1, 'seed', 'mw3')).stdout).toMatch(/scap seed mw3 +bring the host that is behind up/);
  });

  it('before anything was deployed: exit 2, with what to do', async () => {
    const me = createOperator();
    const { stderr } = await me.expectStatus(2, 'seed', 'web1');
    expect(stderr).toContain('Cannot seed hosts: nothing was deployed yet');
    expect(stderr).toContain('scap push PATH');
    expect((await me.expectStatus(2, 'seed', 'web9')).stderr).toContain('no host matches "web9"');
    expect((await me.expectStatus(2, 'seed')).stderr).toContain('hosts');
    expect(readdirSync(me.path('.scap'))).not.toContain('targets');
  });

  it('--dry-run and plan seed show what it would do; the saved plan runs', async () => {
    const { me, revision } = await deployedFleet();
    writeFleet(me, { hosts: [...hosts, 'mw3'] });
    const { stdout } = await me.expectStatus(0, 'seed', 'mw3', '--dry-run');
    expect(stdout).toContain('seed');
    expect(stdout).toContain('Dry run: nothing was changed');
    await me.expectStatus(0, 'plan', 'seed', 'mw3', '--save', 'plan.json');
    expect(() => readFileSync(me.path('t/mw3/live/index.php'))).toThrow('ENOENT');
    const plan = JSON.parse(readFileSync(me.path('plan.json'), 'utf8'));
    expect(plan).toMatchObject({ kind: 'seed', revision, base: revision, skipped: ['mw1', 'mw2'] });
    expect(await me.json(0, 'run', 'plan.json')).toMatchObject({ kind: 'seed', counts: { promoted: 1, skipped: 2 } });
    expect(index(me, 'mw3')).toBe('<?php // one\n');
  });

  it('[B53] refuses a host that serves an unknown revision without --force', async () => {
    const { me, revision } = await deployedFleet();
    const live = me.path('t/mw2/live');
    unlinkSync(live);
    symlinkSync(join(resolve(me.path('t/mw2/cache')), 'revs', 'd'.repeat(40)), live);
    const { stderr } = await me.expectStatus(7, 'seed', 'mw2');
    expect(stderr).toContain('on mw2 (dddddddddddd)');
    expect(statesOf(await me.json(0, 'seed', 'mw2', '--force')).mw2).toBe('promoted');
    expect((await me.json(0, 'status')).hosts[1].live.sha).toBe(revision);
  });

  it('[B26] refuses what is not ours at a live path without --adopt', async () => {
    const { me } = await deployedFleet();
    unlinkSync(me.path('t/mw2/live'));
    symlinkSync('/nowhere', me.path('t/mw2/live'));
    await me.expectStatus(7, 'seed', 'mw2');
    await me.expectStatus(0, 'seed', 'mw2', '--adopt');
    await me.expectStatus(0, 'status');
  });

  it('--limit narrows what was named', async () => {
    const { me } = await deployedFleet();
    expect(statesOf(await me.json(0, 'seed', '*', '--limit', '!mw1'))).toEqual({ mw1: 'skipped', mw2: 'unchanged' });
    expect((await me.expectStatus(2, 'seed', 'mw1', '--limit', 'mw2')).stderr).toContain('no host matches all of them');
  });
});
