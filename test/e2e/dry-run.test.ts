import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createOperator, fingerprint, withoutAgents } from '../support/operator.ts';

const changed = { 'index.php': '<?php // two two\n', 'docroot/new.txt': 'new\n', 'php-1/includes/Extra.php': null };

describe('--dry-run', () => {
  it('[B42] of a first push shows everything and creates nothing at all', async () => {
    const me = createOperator();
    const { stdout } = await me.expectStatus(0, 'push', 'staging', '--dry-run');
    expect(stdout).toContain('index.php');
    expect(stdout).toContain('6 added');
    expect(stdout).toContain('web1');
    expect(stdout).toContain('Dry run: nothing was changed');
    expect(existsSync(me.path('.scap'))).toBe(false);
    expect(readdirSync(me.cwd)).toEqual(['staging']);
  });

  it('[B42] shows files added, changed, removed, bytes, and hosts by group', async () => {
    const me = createOperator();
    const { revision } = await me.json(0, 'push', 'staging');
    me.stage(changed);
    const plan = await me.json(0, 'push', '--dry-run');
    expect(plan).toMatchObject({
      ok: true,
      dryRun: true,
      revision: null,
      base: revision,
      difference: { added: 1, changed: 1, removed: 1, bytes: 21 },
      files: [
        { path: 'docroot/new.txt', kind: 'added', oldBytes: 0, newBytes: 4 },
        { path: 'index.php', kind: 'changed', oldBytes: 13, newBytes: 17 },
        { path: 'php-1/includes/Extra.php', kind: 'removed', oldBytes: 15, newBytes: 0 },
      ],
      leftOutDifferences: [],
      groups: [{ name: 'all', hosts: ['web1', 'web2', 'web3'] }],
      unreachable: [],
    });
    expect(plan.plan.stages.map(({ name }: { name: string }) => name)).toEqual([
      'fetch',
      'config',
      'promote',
      'record',
      'finalize',
    ]);
  });

  it.each([
    ['push', []],
    ['sync-file', ['index.php']],
    ['rollback', []],
  ])('[B42] of %s touches neither state nor targets', async (command, args) => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    me.stage({ 'index.php': 'second' });
    await me.expectStatus(0, 'push');
    me.stage(changed);
    await withoutAgents(me.cwd);
    const before = fingerprint(me.cwd);
    await me.expectStatus(0, command, ...args, '--dry-run');
    await withoutAgents(me.cwd);
    expect(fingerprint(me.cwd)).toEqual(before);
  });

  it('[B42] of sync-file says what it would leave out', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    me.stage(changed);
    const plan = await me.json(0, 'sync-file', 'index.php', '--dry-run');
    expect(plan).toMatchObject({
      files: [{ path: 'index.php', kind: 'changed' }],
      leftOutDifferences: ['docroot/new.txt', 'php-1/includes/Extra.php'],
    });
  });

  it('[B42] of rollback names the revision it would make live', async () => {
    const me = createOperator();
    const { revision } = await me.json(0, 'push', 'staging');
    me.stage(changed);
    await me.expectStatus(0, 'push');
    const { stdout } = await me.expectStatus(0, 'rollback', '--dry-run');
    expect(stdout).toContain(revision.slice(0, 12));
    expect((await me.json(0, 'rollback', '--dry-run')).revision).toBe(revision);
  });

  it('of clean shows what would go and touches nothing', async () => {
    const me = createOperator();
    for (const text of ['1', '2', '3', '4']) {
      me.stage({ 'index.php': text });
      await me.expectStatus(0, 'push', 'staging');
    }
    await withoutAgents(me.cwd);
    const before = fingerprint(me.cwd);
    const preview = await me.json(0, 'clean', '--dry-run', '--keep', '2', '--grace', '0s');
    expect(preview.hosts.map(({ host, prune }: { host: string; prune: string[] }) => [host, prune.length])).toEqual([
      ['web1', 2],
      ['web2', 2],
      ['web3', 2],
    ]);
    await withoutAgents(me.cwd);
    expect(fingerprint(me.cwd)).toEqual(before);
  });

  it('works while another deploy is forbidden', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'hold', '-m', 'freeze');
    await me.expectStatus(0, 'push', 'staging', '--dry-run');
    await me.expectStatus(4, 'push', 'staging');
  });
});
