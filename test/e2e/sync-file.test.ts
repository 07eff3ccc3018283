import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createOperator, type Operator } from '../support/operator.ts';

async function deployed(): Promise<Operator> {
  const me = createOperator();
  await me.expectStatus(0, 'push', 'staging');
  me.stage({
    'index.php': '<?php // two\n',
    'wmf-config/InitialiseSettings.php': '<?php // two\n',
    'wmf-config/CommonSettings.php': '<?php // two\n',
    'php-1/includes/Extra.php': null,
    'docroot/new.txt': 'new\n',
  });
  return me;
}

const served = (me: Operator, path: string) => {
  const at = join(me.live('web2'), path);
  return existsSync(at) ? readFileSync(at, 'utf8') : undefined;
};

describe('scap sync-file', () => {
  it('[B8] deploys one file and says which other staged differences it left out', async () => {
    const me = await deployed();
    const { stdout, stderr } = await me.expectStatus(0, 'sync-file', 'staging/index.php');
    expect(stdout).toMatch(/^Revision [0-9a-f]{12} is live on 3 of 3 hosts/);
    for (const left of [
      'wmf-config/InitialiseSettings.php',
      'wmf-config/CommonSettings.php',
      'php-1/includes/Extra.php',
      'docroot/new.txt',
    ]) {
      expect(stderr).toContain(left);
    }
    expect(served(me, 'index.php')).toBe('<?php // two\n');
    expect(served(me, 'wmf-config/CommonSettings.php')).toBe('<?php // common\n');
    expect(served(me, 'php-1/includes/Extra.php')).toBe('<?php // extra\n');
    expect(served(me, 'docroot/new.txt')).toBeUndefined();
  });

  it('[B8] names the differences it left out in its result', async () => {
    const me = await deployed();
    const result = await me.json(0, 'sync-file', 'index.php');
    expect(result).toMatchObject({
      kind: 'sync-file',
      difference: { added: 0, changed: 1, removed: 0 },
      leftOutDifferences: [
        'docroot/new.txt',
        'php-1/includes/Extra.php',
        'wmf-config/CommonSettings.php',
        'wmf-config/InitialiseSettings.php',
      ],
    });
  });

  it('[B8] deploys a directory', async () => {
    const me = await deployed();
    expect(await me.json(0, 'sync-file', 'wmf-config')).toMatchObject({
      difference: { added: 0, changed: 2, removed: 0 },
    });
    expect(served(me, 'wmf-config/CommonSettings.php')).toBe('<?php // two\n');
    expect(served(me, 'wmf-config/InitialiseSettings.php')).toBe('<?php // two\n');
    expect(served(me, 'index.php')).toBe('<?php // one\n');
  });

  it('[B8] takes away a path that staging no longer has', async () => {
    const me = await deployed();
    expect(await me.json(0, 'sync-file', 'php-1/includes/Extra.php')).toMatchObject({
      difference: { added: 0, changed: 0, removed: 1 },
    });
    expect(served(me, 'php-1/includes/Extra.php')).toBeUndefined();
    expect(served(me, 'php-1/includes/Main.php')).toBe('<?php // main\n');
  });

  it('[B8] takes several paths, files and directories mixed', async () => {
    const me = await deployed();
    const result = await me.json(0, 'sync-file', 'index.php', 'docroot', 'php-1/includes/Extra.php');
    expect(result).toMatchObject({ difference: { added: 1, changed: 1, removed: 1 } });
    expect(served(me, 'docroot/new.txt')).toBe('new\n');
  });

  it.each([
    ['relative to the working directory', '.', ['staging/index.php']],
    ['relative to staging', '.', ['index.php']],
    ['relative to a working directory inside staging', 'staging/wmf-config', ['../index.php']],
    ['in a directory inside staging, by its bare name', 'staging', ['index.php']],
  ])('understands a path %s', async (_how, cwd, paths) => {
    const me = await deployed();
    // Away from home the embedded default would be another one; the file says where things are.
    me.stage({});
    const { writeFileSync } = await import('node:fs');
    const config = me.path('scap.yaml');
    writeFileSync(
      config,
      `staging: staging\nstate: .scap\nhosts:\n${['web1', 'web2', 'web3'].map((name) => `  ${name}: {cache: .scap/targets/${name}/cache, live: .scap/targets/${name}/live}\n`).join('')}`,
    );
    const answer = await me.scapWith({ cwd: me.path(cwd) }, 'sync-file', ...paths);
    expect(answer.status, answer.stderr).toBe(0);
    expect(served(me, 'index.php')).toBe('<?php // two\n');
    expect(served(me, 'wmf-config/CommonSettings.php')).toBe('<?php // common\n');
  });

  it('understands an absolute path, and one through a link to staging', async () => {
    const me = await deployed();
    symlinkSync(me.staging, me.path('shortcut'));
    await me.expectStatus(0, 'sync-file', join(me.staging, 'index.php'));
    expect(served(me, 'index.php')).toBe('<?php // two\n');
    await me.expectStatus(0, 'sync-file', 'shortcut/wmf-config/CommonSettings.php');
    expect(served(me, 'wmf-config/CommonSettings.php')).toBe('<?php // two\n');
    expect(served(me, 'wmf-config/InitialiseSettings.php')).toBe('<?php // settings\n');
  });

  it('deploys a link itself, not what it leads to', async () => {
    const me = await deployed();
    symlinkSync('../../outside', join(me.staging, 'docroot/link'));
    await me.expectStatus(0, 'sync-file', 'staging/docroot/link');
    const { readlinkSync } = await import('node:fs');
    expect(readlinkSync(join(me.live('web1'), 'docroot/link'))).toBe('../../outside');
  });

  it('with nothing different there says so and touches nothing', async () => {
    const me = await deployed();
    const before = await me.targets();
    const { stdout } = await me.expectStatus(0, 'sync-file', 'docroot/robots.txt');
    expect(stdout).toContain('Nothing to do');
    expect(await me.targets()).toEqual(before);
  });

  it('refuses a path outside staging, a path nobody has, and staging itself', async () => {
    const me = await deployed();
    const outside = await me.expectStatus(2, 'sync-file', '/etc/passwd');
    expect(outside.stderr).toContain('Cannot synchronise "/etc/passwd": it is not inside the staging tree');
    const unknown = await me.expectStatus(2, 'sync-file', 'no/such/file.php');
    expect(unknown.stderr).toContain('no/such/file.php');
    const whole = await me.expectStatus(2, 'sync-file', 'staging');
    expect(whole.stderr).toContain('scap push');
  });

  it('before any push says what is missing', async () => {
    const me = createOperator();
    const { stderr } = await me.expectStatus(3, 'sync-file', 'index.php');
    expect(stderr).toContain('no staging tree is configured');
    expect(existsSync(me.path('.scap'))).toBe(false);
  });
});
