import {
  existsSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { statesOf } from '../support/host-states.ts';
import { createOperator, type Document, fingerprint, type Operator, withoutAgents } from '../support/operator.ts';
import { writeFleet } from '../support/yaml-fleet.ts';

const hosts = ['mw1', 'mw2', 'mw3', 'mw4'];
const groups = [
  { name: 'canary', hosts: ['mw1'] },
  { name: 'rest', hosts: ['"*"'], failureBudget: '70%' },
];

/** Four hosts that serve the first revision; staging holds a second one. */
async function stagedFleet(): Promise<{ me: Operator; one: string }> {
  const me = createOperator();
  writeFleet(me, { hosts, groups });
  const one = (await me.json(0, 'push')).revision;
  me.stage({ 'index.php': 'two' });
  await withoutAgents(me.cwd);
  return { me, one };
}
const index = (me: Operator, host: string) => readFileSync(me.path(`t/${host}/live/index.php`), 'utf8');
const untouched = (me: Operator, ...names: string[]) => names.map((name) => [...fingerprint(me.path('t', name))]);
const lastRecord = async (me: Operator): Promise<Document> => (await me.json(0, 'history')).runs[0];

describe('--limit', () => {
  it('deploys to the selected hosts only: exit 0, the others untouched, told as left out and behind', async () => {
    const { me, one } = await stagedFleet();
    const before = untouched(me, 'mw1', 'mw4');
    const { stdout } = await me.expectStatus(0, 'push', '--limit', 'mw[2:3]');
    const two = (await me.json(1, 'status')).desired;
    expect(stdout).toContain(
      `Revision ${two.slice(0, 12)} is live on 2 of 2 hosts (2 promoted, 2 left out by --limit)`,
    );
    await withoutAgents(me.cwd);
    expect(untouched(me, 'mw1', 'mw4')).toEqual(before);
    expect([index(me, 'mw2'), index(me, 'mw1')]).toEqual(['two', '<?php // one\n']);
    expect(await lastRecord(me)).toMatchObject({
      sha: two,
      outcome: 'ok',
      counts: { promoted: 2, skipped: 2 },
      hosts: { mw1: 'skipped', mw2: 'promoted', mw3: 'promoted', mw4: 'skipped' },
    });
    const status = await me.json(1, 'status');
    expect(statesOf(status)).toEqual({ mw1: 'behind', mw2: 'current', mw3: 'current', mw4: 'behind' });
    expect(status.hosts[0].live.sha).toBe(one);
    expect(statesOf(await me.json(0, 'push'))).toEqual({
      mw1: 'promoted',
      mw2: 'unchanged',
      mw3: 'unchanged',
      mw4: 'promoted',
    });
    await me.expectStatus(0, 'status');
  });

  it('connects to the selected hosts only, and has no stage for a group without one', async () => {
    const { me } = await stagedFleet();
    const { stdout } = await me.expectStatus(0, 'push', '--limit', '!mw1', '--limit', '!mw4', '--events');
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Document);
    const named = (type: string, key: string) =>
      events.filter((event) => event.type === type).map((event) => event[key]);
    expect(named('host.connected', 'host').sort()).toEqual(['mw2', 'mw3']);
    expect(named('stage.started', 'stage')).toEqual(['fetch', 'config', 'promote:rest', 'record', 'finalize']);
    expect(statesOf({ hosts: events.filter(({ type }) => type === 'host.finished') })).toEqual({
      mw1: 'skipped',
      mw2: 'promoted',
      mw3: 'promoted',
      mw4: 'skipped',
    });
  });

  it('with everything selected current: nothing to do, exit 0', async () => {
    const { me } = await stagedFleet();
    await me.expectStatus(0, 'push', '--limit', 'mw2');
    const { stdout } = await me.expectStatus(0, 'push', '--limit', 'mw2');
    expect(stdout).toMatch(
      /^Nothing to do: revision [0-9a-f]{12} is already live on 1 host \(3 left out by --limit\)\n$/,
    );
    expect(await me.json(0, 'push', '--limit', 'mw2')).toMatchObject({
      outcome: 'nothing',
      unchanged: ['mw2'],
      skipped: ['mw1', 'mw3', 'mw4'],
    });
  });

  it('is refused before anything is touched when it names no host: exit 2, with what may be meant', async () => {
    const { me, one } = await stagedFleet();
    for (const args of [['push'], ['rollback'], ['status'], ['verify'], ['clean'], ['plan', 'push']]) {
      const { stderr, stdout } = await me.expectStatus(2, ...args, '--limit', 'mw5');
      expect(stderr).toContain('no host matches "mw5"');
      expect(stdout).toBe('');
    }
    expect((await me.expectStatus(2, 'push', '--limit', 'site=')).stderr).toContain('site=');
    expect((await me.json(0, 'show')).revision).toBe(one);
    expect((await me.json(0, 'history')).runs).toHaveLength(1);
  });

  it('--dry-run shows who is left out and touches nothing', async () => {
    const { me } = await stagedFleet();
    const before = untouched(me, ...hosts);
    const shown = await me.json(0, 'push', '--limit', 'mw1', '--dry-run');
    expect(shown).toMatchObject({ skipped: ['mw2', 'mw3', 'mw4'], plan: { skipped: ['mw2', 'mw3', 'mw4'] } });
    expect((await me.expectStatus(0, 'push', '--limit', 'mw1', '--dry-run')).stdout).toContain(
      'left out: 3 hosts: mw2, mw3, mw4',
    );
    await withoutAgents(me.cwd);
    expect(untouched(me, ...hosts)).toEqual(before);
  });

  it('of a rollback takes the selected back: the others are behind then', async () => {
    const { me, one } = await stagedFleet();
    await me.expectStatus(0, 'push');
    const result = await me.json(0, 'rollback', '--limit', 'mw1,mw2');
    expect(result).toMatchObject({ revision: one, counts: { promoted: 2, skipped: 2 } });
    expect(statesOf(await me.json(1, 'status'))).toEqual({
      mw1: 'current',
      mw2: 'current',
      mw3: 'behind',
      mw4: 'behind',
    });
    expect(index(me, 'mw3')).toBe('two');
    await me.expectStatus(0, 'seed', 'mw3', 'mw4');
    expect(index(me, 'mw3')).toBe('<?php // one\n');
    await me.expectStatus(0, 'status');
  });

  it('[B31] resolves budgets against the whole group: one of two selected may fail, both may not', async () => {
    const { me, one } = await stagedFleet();
    // 70 % of mw2, mw3, mw4 are two; of the two selected it would be one anyway, of one selected none.
    breakCaches(me, 'mw4');
    expect(statesOf(await me.json(1, 'push', '--limit', 'mw3,mw4'))).toEqual({
      mw1: 'skipped',
      mw2: 'skipped',
      mw3: 'promoted',
      mw4: expect.stringMatching(/^(failed|unreachable)$/),
    });
    expect((await me.expectStatus(1, 'push', '--limit', 'mw3,mw4')).stdout).toContain('scap seed mw4');
    await me.expectStatus(0, 'rollback', one, '--limit', 'mw1,mw2,mw3');
    me.stage({ 'index.php': 'three' });
    const lost = await me.json(5, 'push', '--limit', 'mw4');
    expect(lost).toMatchObject({ outcome: 'failed', error: { code: 'run_failed' } });
    // What nobody serves is not what should be live.
    expect((await me.json(1, 'status')).desired).toBe(one);
  });

  it('[B53] lets one deploy to the others while one host is in the hands of another deploy host', async () => {
    const { me } = await stagedFleet();
    serveUnknown(me, 'mw2');
    for (const command of [['push'], ['sync-file', 'index.php']])
      expect((await me.expectStatus(7, ...command)).stderr).toContain('on mw2 (');
    expect(statesOf(await me.json(0, 'push', '--limit', '!mw2'))).toEqual({
      mw1: 'promoted',
      mw2: 'skipped',
      mw3: 'promoted',
      mw4: 'promoted',
    });
    expect((await me.expectStatus(7, 'rollback')).stderr).toContain('on mw2 (');
    expect(statesOf(await me.json(1, 'status')).mw2).toBe('unknown-revision');
    expect(statesOf(await me.json(0, 'push', '--force'))).toMatchObject({ mw1: 'unchanged', mw2: 'promoted' });
    await me.expectStatus(0, 'status');
  });

  it('[B28] of status, verify and clean: only the selected are looked at', async () => {
    const { me } = await stagedFleet();
    writeFileSync(me.path('t/mw4/live/index.php'), 'tampered with');
    const status = await me.json(0, 'status', '--limit', 'mw1,mw2');
    expect(statesOf(status)).toEqual({ mw1: 'current', mw2: 'current' });
    expect(status).toMatchObject({ counts: { current: 2 }, skipped: ['mw3', 'mw4'] });
    expect((await me.expectStatus(0, 'status', '--limit', 'mw1,mw2')).stdout).toContain(
      '2 hosts: 2 current; 2 left out by --limit',
    );
    expect((await me.json(0, 'verify', '--limit', '!mw4')).hosts.map(({ host }: Document) => host)).toEqual([
      'mw1',
      'mw2',
      'mw3',
    ]);
    await me.expectStatus(1, 'verify', '--limit', 'mw4');
    const repaired = await me.json(0, 'verify', '--limit', 'mw4', '--repair');
    expect(statesOf(repaired)).toEqual({ mw1: 'skipped', mw2: 'skipped', mw3: 'skipped', mw4: 'unchanged' });
    expect(index(me, 'mw4')).toBe('<?php // one\n');
    const pruned = await me.json(0, 'clean', '--limit', 'mw3', '--dry-run');
    expect(pruned.hosts.map(({ host }: Document) => host)).toEqual(['mw3']);
    expect(statesOf(await me.json(0, 'clean', '--limit', 'mw3'))).toEqual({
      mw1: 'skipped',
      mw2: 'skipped',
      mw3: 'unchanged',
      mw4: 'skipped',
    });
    expect((await me.expectStatus(0, 'clean', '--limit', 'mw3')).stdout).toContain('3 left out by --limit');
  });

  it('[B44] of a saved plan stays with it: scap run connects to nobody else and reports them', async () => {
    const { me } = await stagedFleet();
    const { stdout } = await me.expectStatus(0, 'plan', 'push', '--limit', 'mw[1:2]', '--save', 'plan.json');
    expect(stdout).toContain('left out: 2 hosts: mw3, mw4');
    expect(JSON.parse(readFileSync(me.path('plan.json'), 'utf8')).skipped).toEqual(['mw3', 'mw4']);
    // A host that would be refused if it were asked.
    serveUnknown(me, 'mw3');
    expect(statesOf(await me.json(0, 'run', 'plan.json'))).toEqual({
      mw1: 'promoted',
      mw2: 'promoted',
      mw3: 'skipped',
      mw4: 'skipped',
    });
  });

  it('[B53] a saved plan is refused when one of its hosts serves an unknown revision, and runs with --force', async () => {
    const { me } = await stagedFleet();
    await me.expectStatus(0, 'plan', 'push', '--save', 'plan.json');
    serveUnknown(me, 'mw2');
    expect((await me.expectStatus(7, 'run', 'plan.json')).stderr).toContain('--force');
    expect(statesOf(await me.json(0, 'run', 'plan.json', '--force'))).toMatchObject({ mw2: 'promoted' });
  });
});

/** What another deploy host may have left: a link to a revision in the host's own cache. */
function serveUnknown(me: Operator, host: string): void {
  const live = me.path(`t/${host}/live`);
  expect(lstatSync(live).isSymbolicLink()).toBe(true);
  const revisions = join(realpathSync(me.path(`t/${host}/cache`)), 'revs');
  expect(readlinkSync(live).startsWith(revisions)).toBe(true);
  unlinkSync(live);
  symlinkSync(join(revisions, 'd'.repeat(40)), live);
}

/** From now on nothing can be written for these hosts. */
function breakCaches(me: Operator, ...names: string[]): void {
  const config = names.reduce(
    (text, name) =>
      text.replace(`t/${name}/cache, live: t/${name}/live`, `plain-file/${name}/cache, live: plain-file/${name}/live`),
    readFileSync(me.path('scap.yaml'), 'utf8'),
  );
  writeFileSync(me.path('scap.yaml'), config);
  expect(existsSync(me.path('plain-file'))).toBe(true);
}
