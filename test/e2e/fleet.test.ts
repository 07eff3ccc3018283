import { mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createOperator, type Document, type Operator } from '../support/operator.ts';
import { writeFleet } from '../support/yaml-fleet.ts';

const hosts = ['mw1', 'mw2', 'mw3', 'mw4'];
const states = (result: Document) =>
  Object.fromEntries(result.hosts.map(({ host, state }: { host: string; state: string }) => [host, state]));
const index = (me: Operator, host: string) => readFileSync(me.path(`t/${host}/live/index.php`), 'utf8');

describe('a fleet in scap.yaml', () => {
  it('[I6] [B29] promotes group by group in the written order, after everybody has fetched', async () => {
    const me = createOperator();
    writeFleet(me, {
      hosts,
      groups: [
        { name: 'canary', hosts: ['mw3'] },
        { name: 'rest', hosts: ['"*"'] },
      ],
    });
    const { stdout } = await me.expectStatus(0, 'push', '--events');
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Document);
    const finished = events.filter(({ type }) => type === 'task.finished').map(({ task }) => task as string);
    const fetches = finished.filter((task) => task.startsWith('fetch@'));
    expect(finished.slice(0, 4)).toEqual(fetches);
    expect(finished.filter((task) => task.startsWith('promote@'))[0]).toBe('promote@mw3');
    expect(events.filter(({ type }) => type === 'stage.started').map(({ stage }) => stage)).toEqual([
      'fetch',
      'config',
      'promote:canary',
      'promote:rest',
      'record',
      'finalize',
    ]);
    expect((await me.json(0, 'status')).hosts.map(({ group }: { group: string }) => group)).toEqual([
      'rest',
      'rest',
      'canary',
      'rest',
    ]);
  });

  it('[B31] within the budget the others are deployed: exit 1, the lost host named', async () => {
    const me = createOperator();
    writeFleet(me, { hosts, broken: ['mw2'], groups: [{ name: 'all', hosts: ['"*"'], failureBudget: 1 }] });
    const result = await me.json(1, 'push');
    expect(result).toMatchObject({ ok: false, status: 1, outcome: 'partial' });
    expect(states(result)).toEqual({
      mw1: 'promoted',
      mw2: expect.stringMatching(/^(failed|unreachable)$/),
      mw3: 'promoted',
      mw4: 'promoted',
    });
    const { stdout } = await me.expectStatus(1, 'push');
    expect(stdout).toContain('mw2');
    expect(stdout).not.toMatch(/\b4 of 4\b/);
    expect((await me.json(1, 'status')).hosts.map(({ state }: { state: string }) => state)).toEqual([
      'current',
      'failed',
      'current',
      'current',
    ]);
  });

  it('[B34] a host that comes back is brought up by the next push', async () => {
    const me = createOperator();
    const groups = [{ name: 'all', hosts: ['"*"'], failureBudget: '50%' }];
    writeFleet(me, { hosts, broken: ['mw2'], groups });
    await me.expectStatus(1, 'push');
    rmSync(me.path('plain-file'));
    mkdirSync(me.path('plain-file'));
    const result = await me.json(0, 'push');
    expect(states(result)).toEqual({ mw1: 'unchanged', mw2: 'promoted', mw3: 'unchanged', mw4: 'unchanged' });
    expect(readFileSync(me.path('plain-file/mw2/live/index.php'), 'utf8')).toBe('<?php // one\n');
  });

  it('[B31] [B50] past the budget nothing is promoted: exit 5, and nothing says finished', async () => {
    const me = createOperator();
    writeFleet(me, { hosts, broken: ['mw2', 'mw4'], groups: [{ name: 'all', hosts: ['"*"'], failureBudget: 1 }] });
    const { stdout, stderr } = await me.expectStatus(5, 'push');
    expect(stdout).toMatch(/failed/);
    expect(`${stdout}${stderr}`).not.toMatch(/is live on|finished|synchronised/);
    expect(() => realpathSync(me.path('t/mw1/live'))).toThrow('ENOENT');
    const result = await me.json(5, 'push');
    expect(result).toMatchObject({ ok: false, status: 5, outcome: 'failed', error: { code: 'run_failed' } });
    expect(states(result)).toMatchObject({ mw1: 'not-attempted', mw3: 'not-attempted' });
    expect((await me.json(1, 'status')).desired).toBe(null);
  });

  describe('a group past its budget', () => {
    /** The live path of mw4 gets a name so long that the temporary link beside it cannot be made: fetching works, promoting does not. */
    async function lastHostCannotPromote(): Promise<{ me: Operator; one: string }> {
      const me = createOperator();
      const groups = [
        { name: 'canary', hosts: ['mw1', 'mw2'] },
        { name: 'rest', hosts: ['mw3', 'mw4'] },
      ];
      writeFleet(me, { hosts, groups });
      const one = (await me.json(0, 'push')).revision;
      me.stage({ 'index.php': 'two' });
      const config = readFileSync(me.path('scap.yaml'), 'utf8');
      writeFileSync(me.path('scap.yaml'), config.replace('t/mw4/live', `t/mw4/${'l'.repeat(250)}`));
      return { me, one };
    }

    it('[B30] [B32] [I9] takes back the groups before it: exit 5, what should be live is what it was', async () => {
      const { me, one } = await lastHostCannotPromote();
      const result = await me.json(5, 'push');
      expect(result).toMatchObject({ ok: false, status: 5, outcome: 'rolled-back', base: one });
      expect(states(result)).toMatchObject({ mw1: 'rolled-back', mw2: 'rolled-back', mw3: 'rolled-back' });
      for (const host of ['mw1', 'mw2', 'mw3']) expect(index(me, host)).toBe('<?php // one\n');
      const status = await me.json(1, 'status');
      expect(status).toMatchObject({ desired: one, lastDeploy: { n: 2, outcome: 'rolled-back' } });
      expect(status.hosts.map(({ state }: { state: string }) => state)).toEqual([
        'current',
        'current',
        'current',
        'empty',
      ]);
    });

    it('[B50] says for people that it failed and what is live', async () => {
      const { me, one } = await lastHostCannotPromote();
      const { stdout } = await me.expectStatus(5, 'push');
      expect(stdout).toMatch(/failed|rolled back/);
      expect(stdout).toContain(one.slice(0, 12));
      expect(stdout).not.toMatch(/is live on [1-9]/);
    });

    it('[B32] with --no-rollback leaves them: exit 6, and says how to go back', async () => {
      const { me, one } = await lastHostCannotPromote();
      const result = await me.json(6, 'push', '--no-rollback');
      expect(result).toMatchObject({ ok: false, status: 6, outcome: 'not-rolled-back' });
      expect(index(me, 'mw1')).toBe('two');
      expect((await me.json(1, 'status')).desired).toBe(one);
    });
  });

  it('[B46] the same error on many hosts is one line', async () => {
    const me = createOperator();
    const many = Array.from({ length: 6 }, (_, at) => `mw${at + 1}`);
    writeFleet(me, { hosts: many, broken: many.slice(1), groups: [{ name: 'all', hosts: ['"*"'], failureBudget: 5 }] });
    const { stdout } = await me.expectStatus(1, 'push');
    expect(stdout).toContain('5 hosts');
  });

  it.each([
    ['an unknown key', 'stagging: x', /scap\.yaml:3:1: stagging: unknown key; did you mean "staging"\?/],
    ['a wrong type', 'keepDeploys: many', /scap\.yaml:3:14: keepDeploys:/],
    ['an impossible value', 'maxShrink: 150%', /scap\.yaml:3:12: maxShrink:/],
  ])('%s is refused with file, line and column: exit 3', async (_what, more, expected) => {
    const me = createOperator();
    writeFleet(me, { hosts, more });
    const { stderr, stdout } = await me.expectStatus(3, 'status');
    expect(stderr).toMatch(expected);
    expect(stdout).toBe('');
  });

  it('names every problem of the file at once', async () => {
    const me = createOperator();
    writeFleet(me, { hosts, more: 'stagging: x\nkeepDeploys: many' });
    const { stderr } = await me.expectStatus(3, 'push');
    expect(stderr).toContain('stagging');
    expect(stderr).toContain('keepDeploys');
  });

  it('is found from a directory below, by --config, and by SCAP_CONFIG; a missing one is exit 3', async () => {
    const me = createOperator();
    writeFleet(me, { hosts });
    await me.expectStatus(0, 'push');
    const elsewhere = createOperator();
    for (const [options, args] of [
      [{ cwd: me.path('staging/wmf-config') }, []],
      [{ cwd: elsewhere.cwd }, ['--config', me.path('scap.yaml')]],
      [{ cwd: elsewhere.cwd, env: { SCAP_CONFIG: me.path('scap.yaml') } }, []],
    ] as const) {
      const answer = await me.scapWith(options, 'status', '--json', ...args);
      expect(answer.status, answer.stderr).toBe(0);
      expect(JSON.parse(answer.stdout).hosts.map(({ host }: { host: string }) => host)).toEqual(hosts);
    }
    expect((await me.expectStatus(3, 'status', '--config', 'nowhere.yaml')).stderr).toContain('nowhere.yaml');
  });

  it('a damaged state of a target stops that host only', async () => {
    const me = createOperator();
    writeFleet(me, { hosts, groups: [{ name: 'all', hosts: ['"*"'], failureBudget: 1 }] });
    await me.expectStatus(0, 'push');
    writeFileSync(me.path('t/mw1/cache/state.json'), '{"version": 99}');
    me.stage({ 'index.php': 'two' });
    const result = await me.json(1, 'push');
    expect(states(result)).toMatchObject({ mw2: 'promoted', mw3: 'promoted', mw4: 'promoted' });
    expect(result.hosts[0].error.message).toContain('t/mw1/cache/state.json');
    expect(index(me, 'mw1')).toBe('<?php // one\n');
  });
});
