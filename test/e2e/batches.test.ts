import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { cleanEnvironment, createOperator, type Document, type Operator, scapProgram } from '../support/operator.ts';
import { type FleetShape, writeFleet } from '../support/yaml-fleet.ts';

const hosts = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'h7', 'h8'];

/** h1 is the canary; the others are promoted in batches of h2–h4, h5–h7 and h8. */
function fleet(
  me: Operator,
  {
    failureBudget = 0,
    soak = '0s',
    ...shape
  }: Partial<FleetShape> & { failureBudget?: number | string; soak?: string },
): void {
  const groups = [
    { name: 'canary', hosts: ['h1'], soak },
    { name: 'rest', hosts: ['"*"'], batch: 3, failureBudget, soak },
  ];
  writeFleet(me, { hosts, groups, ...shape });
}

const states = (result: Document) =>
  Object.fromEntries(result.hosts.map(({ host, state }: { host: string; state: string }) => [host, state]));
const all = (state: string, but: Readonly<Record<string, unknown>> = {}) => ({
  ...Object.fromEntries(hosts.map((host) => [host, state])),
  ...but,
});
const lost = expect.stringMatching(/^(failed|unreachable)$/);
const index = (me: Operator, host: string) => readFileSync(me.path(`t/${host}/live/index.php`), 'utf8');
const parseEvents = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Document);

/** The first push went everywhere; in the second these hosts cannot switch. */
async function secondPush(stuck: readonly string[], failureBudget: number | string) {
  const me = createOperator();
  fleet(me, {});
  const one = (await me.json(0, 'push')).revision as string;
  me.stage({ 'index.php': 'two' });
  fleet(me, { stuck, failureBudget });
  return { me, one };
}

describe('groups in batches', () => {
  it('[B29] [I6] promotes batch by batch and soaks in between, after everybody has fetched', async () => {
    const me = createOperator();
    fleet(me, { soak: '40ms' });
    const events = parseEvents((await me.expectStatus(0, 'push', '--events')).stdout);
    const told = events.filter(({ type }) => type === 'stage.started' || type === 'soak.started');
    expect(told.map(({ type, stage }) => (type === 'soak.started' ? `soak after ${stage}` : stage))).toEqual([
      'fetch',
      'config',
      'promote:canary',
      'soak after promote:canary',
      'promote:rest 1/3',
      'soak after promote:rest 1/3',
      'promote:rest 2/3',
      'soak after promote:rest 2/3',
      'promote:rest 3/3',
      'record',
      'finalize',
    ]);
    const done = events.filter(({ type, task }) => type === 'task.finished' && /^(fetch|promote)@/.test(task));
    expect(done.slice(0, 8).every(({ stage }) => stage === 'fetch')).toBe(true);
    const promoted = done.slice(8).map(({ host }) => host);
    expect([promoted.slice(0, 1), promoted.slice(1, 4).sort(), promoted.slice(4, 7).sort(), promoted.slice(7)]).toEqual(
      [['h1'], ['h2', 'h3', 'h4'], ['h5', 'h6', 'h7'], ['h8']],
    );
    for (const host of hosts) expect(index(me, host)).toBe('<?php // one\n');
  });

  it('reports the skew of the worst batch, not the time between batches', async () => {
    const me = createOperator();
    fleet(me, { soak: '40ms' });
    const result = await me.json(0, 'push');
    const log = readFileSync(me.path(`state/logs/1-${result.revision.slice(0, 12)}.jsonl`), 'utf8');
    const promoted = parseEvents(log).filter(
      ({ type, task }) => type === 'task.finished' && task.startsWith('promote@'),
    );
    expect(promoted).toHaveLength(8);
    const spread = (stage: string) => {
      const times = promoted.filter((event) => event.stage === stage).map(({ data }) => data.swappedAt as number);
      return Math.max(...times) - Math.min(...times);
    };
    // The targets have this machine's clock: what they say lies between request and answer.
    for (const { data } of promoted) {
      expect(data.swappedAt).toBeGreaterThan(data.sentAt - 1);
      expect(data.swappedAt).toBeLessThan(data.receivedAt + 1);
    }
    const largest = Math.max(spread('promote:rest 1/3'), spread('promote:rest 2/3'));
    expect(Math.abs(result.skewMs - largest)).toBeLessThan(2);
  });

  it('says in a dry run which batches there would be', async () => {
    const me = createOperator();
    fleet(me, { soak: '20s', failureBudget: '30%' });
    const { stdout } = await me.expectStatus(0, 'push', '--dry-run');
    expect(stdout).toContain('promote:canary on 1 host: h1 (failure budget 0, then soak 20.0 s)');
    expect(stdout).toContain('promote:rest 1/3 on 3 hosts: h2, h3, h4 (failure budget 2, then soak 20.0 s)');
    expect(stdout).toContain('promote:rest 3/3 on 1 host: h8 (failure budget 2');
  });

  it('[B44] a saved plan holds batches and soak, and runs as it was saved', async () => {
    const me = createOperator();
    fleet(me, { soak: '10ms', failureBudget: 1 });
    await me.expectStatus(0, 'plan', 'push', '--save', 'plan.json');
    fleet(me, { failureBudget: 1 });
    const plan = JSON.parse(readFileSync(me.path('plan.json'), 'utf8')) as Document;
    expect(plan.stages[3]).toMatchObject({ name: 'promote:rest 1/3', group: 'rest', failureBudget: 1, soakMs: 10 });
    const events = parseEvents((await me.expectStatus(0, 'run', 'plan.json', '--events')).stdout);
    expect(events.filter(({ type }) => type === 'soak.started')).toHaveLength(3);
    writeFileSync(me.path('plan.json'), JSON.stringify({ ...plan, stages: [{ ...plan.stages[3], soakMs: -1 }] }));
    expect((await me.expectStatus(3, 'run', 'plan.json')).stderr).toContain('stages.0.soakMs');
  });
});

describe('the failure budget of a group in batches', () => {
  it('[B31] exactly met by hosts that cannot fetch: the others are promoted, exit 1', async () => {
    const me = createOperator();
    fleet(me, { broken: ['h3', 'h6'], failureBudget: 2 });
    const result = await me.json(1, 'push');
    expect(result).toMatchObject({ outcome: 'partial', counts: { promoted: 6 } });
    expect(states(result)).toEqual(all('promoted', { h3: lost, h6: lost }));
  });

  it('[B31] just exceeded by hosts that cannot fetch: nobody is promoted, exit 5', async () => {
    const me = createOperator();
    fleet(me, { broken: ['h3', 'h6', 'h8'], failureBudget: 2 });
    const result = await me.json(5, 'push');
    expect(result).toMatchObject({ outcome: 'failed', error: { code: 'run_failed' } });
    expect(states(result)).toEqual(all('not-attempted', { h3: lost, h6: lost, h8: lost }));
    expect(existsSync(me.path('t/h1/live'))).toBe(false);
  });

  it('[B31] a lost canary stops the run, whatever the others may lose', async () => {
    const me = createOperator();
    fleet(me, { broken: ['h1'], failureBudget: 5 });
    const result = await me.json(5, 'push');
    expect(result.error.message).toBe('Cannot go on with "promote:canary": h1 failed, 0 allowed');
    expect(states(result)).toEqual(all('not-attempted', { h1: lost }));
  });

  it('[B31] exactly met across batches: all batches are promoted, exit 1', async () => {
    const { me } = await secondPush(['h3', 'h5'], '30%');
    const result = await me.json(1, 'push');
    expect(result.outcome).toBe('partial');
    expect(states(result)).toEqual(all('promoted', { h3: 'failed', h5: 'failed' }));
    for (const host of ['h1', 'h2', 'h8']) expect(index(me, host)).toBe('two');
  });

  it('[B31] [B32] just exceeded in the second batch: the third is not attempted, the promoted go back, exit 5', async () => {
    const { me, one } = await secondPush(['h3', 'h5'], 1);
    const result = await me.json(5, 'push');
    expect(result).toMatchObject({ outcome: 'rolled-back', base: one, error: { code: 'run_failed' } });
    expect(result.error.message).toBe('Cannot go on with group "rest": 2 of 7 hosts failed, 1 allowed');
    expect(states(result)).toMatchObject({
      h1: 'rolled-back',
      h2: 'rolled-back',
      h4: 'rolled-back',
      h6: 'rolled-back',
      h7: 'rolled-back',
      h8: 'not-attempted',
    });
    for (const host of ['h1', 'h2', 'h4', 'h6', 'h7', 'h8']) expect(index(me, host)).toBe('<?php // one\n');
    expect((await me.json(1, 'status')).desired).toBe(one);
  });

  it('[B32] just exceeded, with --no-rollback: what was promoted stays, exit 6', async () => {
    const { me, one } = await secondPush(['h3'], 0);
    const result = await me.json(6, 'push', '--no-rollback');
    expect(result.outcome).toBe('not-rolled-back');
    expect(states(result)).toMatchObject({ h1: 'promoted', h2: 'promoted', h4: 'promoted', h5: 'not-attempted' });
    expect([index(me, 'h1'), index(me, 'h8')]).toEqual(['two', '<?php // one\n']);
    expect((await me.json(1, 'status')).desired).toBe(one);
  });
});

describe('Ctrl-C while it soaks', () => {
  it('[B36] ends the run at once: exit 130, later batches are not attempted', async () => {
    const me = createOperator();
    fleet(me, { soak: '1h' });
    const child = execa(scapProgram, ['push', '--events'], {
      cwd: me.cwd,
      env: cleanEnvironment(),
      extendEnv: false,
      stdin: 'ignore',
      reject: false,
    });
    for await (const line of child) {
      if (String(line).includes('"soak.started"')) child.kill('SIGINT');
    }
    const { exitCode, stdout } = await child;
    expect(exitCode).toBe(130);
    const ended = parseEvents(stdout).filter(({ type }) => type === 'host.finished');
    expect(Object.fromEntries(ended.map(({ host, state }) => [host, state]))).toEqual(
      all('not-attempted', { h1: 'promoted' }),
    );
    expect([existsSync(me.path('t/h1/live')), existsSync(me.path('t/h2/live'))]).toEqual([true, false]);
    expect((await me.json(1, 'status')).desired).toBe(null);
  });
});
