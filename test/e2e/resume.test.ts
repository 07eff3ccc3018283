import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { statesOf } from '../support/host-states.ts';
import {
  cleanEnvironment,
  createOperator,
  type Document,
  fingerprint,
  type Operator,
  scapProgram,
  withoutAgents,
} from '../support/operator.ts';
import { writeFleet } from '../support/yaml-fleet.ts';

const hosts = ['mw1', 'mw2', 'mw3'];
const groups = [
  { name: 'first', hosts: ['mw1', 'mw2'], failureBudget: 1 },
  { name: 'last', hosts: ['mw3'], failureBudget: 1 },
];

/** When the live link was made, and every switch the target remembers. */
function served(me: Operator, host: string) {
  const { swaps } = JSON.parse(readFileSync(me.path(`t/${host}/cache/state.json`), 'utf8'));
  return { linkedAt: lstatSync(me.path(`t/${host}/live`), { bigint: true }).ctimeNs, swaps };
}
const untouched = (me: Operator, ...names: string[]) => names.map((name) => [...fingerprint(me.path('t', name))]);

describe('scap run --resume', () => {
  it('[B54] after an interrupted run touches only the hosts that are left', async () => {
    const me = createOperator();
    writeFleet(me, { hosts, groups });
    await me.expectStatus(0, 'push');
    me.stage({ 'index.php': 'two' });
    await me.expectStatus(0, 'plan', 'push', '--save', 'plan.json');
    // A plan without pruning: what is left then is work on mw3 alone.
    const plan = JSON.parse(readFileSync(me.path('plan.json'), 'utf8'));
    plan.stages = plan.stages.filter(({ name }: Document) => name !== 'finalize');
    writeFileSync(me.path('plan.json'), JSON.stringify(plan));
    await killedAtStage(me, 'promote:last');
    const before = { mw1: served(me, 'mw1'), mw2: served(me, 'mw2') };
    const files = untouched(me, 'mw1', 'mw2');
    expect(before.mw1.swaps).toHaveLength(2);
    const result = await me.json(0, 'run', 'plan.json', '--resume');
    await withoutAgents(me.cwd);
    // The agent of mw3 may have switched after scap was killed.
    expect(statesOf(result)).toEqual({
      mw1: 'promoted',
      mw2: 'promoted',
      mw3: expect.stringMatching(/promoted|unchanged/),
    });
    expect({ mw1: served(me, 'mw1'), mw2: served(me, 'mw2') }).toEqual(before);
    expect(untouched(me, 'mw1', 'mw2')).toEqual(files);
    expect(served(me, 'mw3').swaps).toHaveLength(2);
    await me.expectStatus(0, 'status');
  });

  it('[B54] [I9] that fails before it comes to the hosts done earlier takes them back too', async () => {
    const me = createOperator();
    writeFleet(me, { hosts, groups: groups.map((group) => ({ ...group, failureBudget: 0 })) });
    const one = (await me.json(0, 'push')).revision;
    me.stage({ 'index.php': 'two' });
    await me.expectStatus(0, 'plan', 'push', '--save', 'plan.json');
    await killedAtStage(me, 'promote:last');
    // mw3 is gone, cache and all: fetching fails, and nothing comes after it.
    renameSync(me.path('t/mw3'), me.path('t/gone'));
    writeFileSync(me.path('t/mw3'), 'no directory\n');
    const result = await me.json(5, 'run', 'plan.json', '--resume');
    expect(statesOf(result)).toMatchObject({ mw1: 'rolled-back', mw2: 'rolled-back' });
    const status = await me.json(1, 'status');
    expect(status.desired).toBe(one);
    expect(statesOf(status)).toEqual({ mw1: 'current', mw2: 'current', mw3: 'failed' });
  });

  it('[B54] [B34] after a partial run brings up the hosts that were lost, and touches no other', async () => {
    const me = createOperator();
    writeFleet(me, { hosts, groups, broken: ['mw2'] });
    await me.expectStatus(0, 'plan', 'push', '--save', 'plan.json');
    const partial = await me.json(1, 'run', 'plan.json');
    expect(partial).toMatchObject({ outcome: 'partial', counts: { promoted: 2 } });
    await withoutAgents(me.cwd);
    rmSync(me.path('plain-file'));
    mkdirSync(me.path('plain-file'));
    const files = untouched(me, 'mw1', 'mw3');
    // Without --resume it is a plan for a world that is gone.
    expect((await me.expectStatus(7, 'run', 'plan.json')).stderr).toContain('was made when nothing was live');
    const result = await me.json(0, 'run', 'plan.json', '--resume');
    expect(statesOf(result)).toEqual({ mw1: 'promoted', mw2: 'promoted', mw3: 'promoted' });
    await withoutAgents(me.cwd);
    expect(untouched(me, 'mw1', 'mw3')).toEqual(files);
    expect(readFileSync(me.path('plain-file/mw2/live/index.php'), 'utf8')).toBe('<?php // one\n');
    await me.expectStatus(0, 'status');
  });

  it('[B54] [B44] after a partial run that something else followed is refused', async () => {
    const me = createOperator();
    writeFleet(me, { hosts, groups, broken: ['mw2'] });
    await me.expectStatus(0, 'plan', 'push', '--save', 'plan.json');
    await me.expectStatus(1, 'run', 'plan.json');
    me.stage({ 'index.php': 'two' });
    await me.expectStatus(1, 'push');
    await me.expectStatus(7, 'run', 'plan.json', '--resume');
  });

  it('[B54] that fails again leaves what was recorded, and the hosts that serve it, as they are', async () => {
    const me = createOperator();
    writeFleet(me, { hosts, groups, broken: ['mw2'] });
    await me.expectStatus(0, 'plan', 'push', '--save', 'plan.json');
    const { revision } = await me.json(1, 'run', 'plan.json');
    await withoutAgents(me.cwd);
    const files = untouched(me, 'mw1', 'mw3');
    // Edited: now nobody may be lost.
    const plan = JSON.parse(readFileSync(me.path('plan.json'), 'utf8'));
    for (const stage of plan.stages) stage.failureBudget = 0;
    writeFileSync(me.path('plan.json'), JSON.stringify(plan));
    // Fetching works now, promoting does not: the temporary link beside so long a name cannot be made.
    const config = readFileSync(me.path('scap.yaml'), 'utf8');
    const mw2 = `{cache: t/mw2/cache, live: t/mw2/${'l'.repeat(250)}}`;
    for (const line of [`  mw2: ${mw2}`, '  mw2: {cache: plain-file/mw2/cache, live: plain-file/mw2/live}']) {
      writeFileSync(me.path('scap.yaml'), config.replace(/^ {2}mw2: .*$/m, line));
      const result = await me.json(1, 'run', 'plan.json', '--resume');
      expect(result).toMatchObject({ outcome: 'partial', error: { code: 'run_failed' } });
      expect(statesOf(result)).toEqual({
        mw1: 'promoted',
        mw2: expect.stringMatching(/^(failed|unreachable)$/),
        mw3: 'promoted',
      });
      expect(result.hosts.find(({ host }: Document) => host === 'mw1').live).toBe(revision);
    }
    await withoutAgents(me.cwd);
    expect((await me.json(1, 'status')).desired).toBe(revision);
    expect(untouched(me, 'mw1', 'mw3')).toEqual(files);
  });
});

describe('the record of a run', () => {
  it('[B31] [B54] has the state of every host: lost, left out, and not attempted', async () => {
    const me = createOperator();
    writeFleet(me, { hosts: [...hosts, 'mw4'], broken: ['mw1'], groups: [{ name: 'all', hosts: ['"*"'] }] });
    await me.expectStatus(5, 'push', '--limit', '!mw4');
    const [run] = (await me.json(0, 'history')).runs;
    expect(run).toMatchObject({
      outcome: 'failed',
      counts: { skipped: 1, 'not-attempted': 2 },
      hosts: {
        mw1: expect.stringMatching(/^(failed|unreachable)$/),
        mw2: 'not-attempted',
        mw3: 'not-attempted',
        mw4: 'skipped',
      },
    });
    const lines = readFileSync(me.path('state/deploys.jsonl'), 'utf8').trim().split('\n');
    expect(JSON.parse(lines[0] ?? '').hosts).toEqual(run.hosts);
  });
});

/** Runs the plan and kills scap when this stage begins; its agents come to their own end. */
async function killedAtStage(me: Operator, stage: string): Promise<void> {
  const child = execa(scapProgram, ['run', 'plan.json', '--events'], {
    cwd: me.cwd,
    env: cleanEnvironment(),
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    buffer: false,
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.includes(`"stage":"${stage}"`)) child.kill('SIGKILL');
  });
  await child;
  await withoutAgents(me.cwd);
}
