import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { statesOf } from '../support/host-states.ts';
import { createOperator, type Operator, withoutAgents } from '../support/operator.ts';
import { writeFleet } from '../support/yaml-fleet.ts';

const groups = [{ name: 'all', hosts: ['"*"'], failureBudget: 3 }];

async function deployedFleet(hosts: readonly string[]): Promise<{ me: Operator; revision: string }> {
  const me = createOperator();
  writeFleet(me, { hosts, groups });
  const { revision } = await me.json(0, 'push');
  await withoutAgents(me.cwd);
  return { me, revision };
}

/** A file where the host's directory was: its agent can reach nothing. */
function takeAway(me: Operator, host: string): void {
  renameSync(me.path('t', host), me.path('t', `${host}-away`));
  writeFileSync(me.path('t', host), 'no directory\n');
}

describe('scap status', () => {
  it('[B28] names each host that is not as it should be, and counts them', async () => {
    const hosts = ['ok1', 'ok2', 'behind', 'drifted', 'broken', 'empty', 'foreign', 'other', 'unknown', 'away'];
    const { me, revision } = await deployedFleet(hosts);
    me.stage({ 'index.php': 'two' });
    const two = (await me.json(0, 'push', '--limit', '!behind')).revision;
    await withoutAgents(me.cwd);
    writeFileSync(me.path('t/drifted/live/index.php'), 'tampered with');
    unlinkSync(me.path(`t/broken/cache/meta/${two}.json`));
    unlinkSync(me.path('t/empty/live'));
    unlinkSync(me.path('t/foreign/live'));
    mkdirSync(me.path('t/foreign/live'));
    unlinkSync(me.path('t/other/live'));
    symlinkSync(resolve(me.path('t/other/cache/revs', 'd'.repeat(40))), me.path('t/other/live'));
    rmSync(me.path('t/unknown/cache/repo.git'), { recursive: true });
    takeAway(me, 'away');
    const status = await me.json(1, 'status');
    expect(statesOf(status)).toEqual({
      ok1: 'current',
      ok2: 'current',
      behind: 'behind',
      drifted: 'drifted',
      broken: 'broken',
      empty: 'empty',
      foreign: 'foreign',
      other: 'unknown-revision',
      unknown: 'unknown',
      away: 'failed',
    });
    expect(status.counts).toEqual({
      current: 2,
      behind: 1,
      drifted: 1,
      broken: 1,
      empty: 1,
      foreign: 1,
      'unknown-revision': 1,
      unknown: 1,
      failed: 1,
    });
    expect(status.hosts[2].live.sha).toBe(revision);
    const { stdout } = await me.expectStatus(1, 'status');
    expect(stdout).toMatch(/behind +all +behind +[0-9a-f]{12}/);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(
      '10 hosts: 2 current, 1 behind, 1 drifted, 1 broken, 1 empty, 1 foreign, 1 unknown-revision, 1 unknown, 1 failed',
    );
    expect((await me.expectStatus(0, 'status', '--limit', 'ok*')).stdout.trimEnd().split('\n').at(-1)).toBe(
      '2 hosts: 2 current; 8 left out by --limit',
    );
  });

  it('[B34] of a host that is away tells what it was last seen to serve, and when', async () => {
    const { me, revision } = await deployedFleet(['mw1', 'mw2']);
    takeAway(me, 'mw2');
    me.stage({ 'index.php': 'two' });
    const before = await me.json(1, 'status');
    expect(before.hosts[1].lastSeen).toEqual({
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      live: revision,
    });
    expect(before.hosts[0].lastSeen).toBe(undefined);
    // A run that does not reach it knows nothing newer.
    await me.expectStatus(1, 'push');
    const after = await me.json(1, 'status');
    expect(after.hosts[1]).toMatchObject({ state: 'failed', lastSeen: before.hosts[1].lastSeen });
    const { stdout } = await me.expectStatus(1, 'status');
    expect(stdout).toMatch(new RegExp(`mw2 +all +failed +was ${revision.slice(0, 12)} +seen \\d{4}-\\d\\d-\\d\\d`));
    rmSync(me.path('t/mw2'));
    renameSync(me.path('t/mw2-away'), me.path('t/mw2'));
    expect(statesOf(await me.json(1, 'status')).mw2).toBe('behind');
    expect(statesOf(await me.json(0, 'seed', 'mw2')).mw2).toBe('promoted');
    await me.expectStatus(0, 'status');
  });

  it('[B28] of a host that was never seen says only that it is unreachable', async () => {
    const me = createOperator();
    writeFleet(me, { hosts: ['mw1', 'mw2'], groups, broken: ['mw2'] });
    await me.expectStatus(1, 'push');
    const { hosts } = await me.json(1, 'status');
    expect(hosts[1]).toMatchObject({ state: 'failed', error: { code: expect.any(String) } });
    expect(hosts[1]).not.toHaveProperty('lastSeen');
    expect((await me.expectStatus(1, 'status')).stdout).not.toContain('seen');
  });

  it('[B34] a host that was rolled back is last seen with what it went back to', async () => {
    const { me, revision } = await deployedFleet(['mw1', 'mw2']);
    writeFleet(me, { hosts: ['mw1', 'mw2'] });
    me.stage({ 'index.php': 'two' });
    // Fetching works, promoting does not: the temporary link beside so long a name cannot be made.
    const config = readFileSync(me.path('scap.yaml'), 'utf8');
    writeFileSync(me.path('scap.yaml'), config.replace('t/mw2/live', `t/mw2/${'l'.repeat(250)}`));
    expect((await me.json(5, 'push')).outcome).toBe('rolled-back');
    await withoutAgents(me.cwd);
    cpSync(me.path('state/hosts.json'), me.path('hosts.json'));
    expect(JSON.parse(readFileSync(me.path('hosts.json'), 'utf8')).mw1.live).toBe(revision);
  });

  it('[B28] shows what a host says as one line without control characters', async () => {
    const { me, revision } = await deployedFleet(['mw1']);
    const path = me.path('t/mw1/cache/state.json');
    const message = `\x1b]0;owned\x07\x1b[2Jnothing to see\r\nmw1 current\x9b1A`;
    const unreverted = { revision, previous: null, at: 1, message };
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), unreverted }));
    const { stdout } = await me.expectStatus(0, 'status');
    expect(stdout).toContain('nothing to see mw1 current\\x9b1A');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  });
});
