import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { choosePaths, chooseStaging } from '../../../src/cli/staging-path.ts';
import type { DeployHost } from '../../../src/deploy/deploy-host.ts';
import { createStateLayout } from '../../../src/deploy/state-layout.ts';
import { temporaryDirectory } from '../../support/operator.ts';

let home: string;
let staging: string;
let host: DeployHost;

beforeEach(() => {
  home = temporaryDirectory('scap-unit-');
  staging = join(home, 'staging');
  mkdirSync(join(staging, 'php/includes'), { recursive: true });
  mkdirSync(join(home, 'other'));
  writeFileSync(join(staging, 'index.php'), '');
  symlinkSync('staging', join(home, 'link'));
  symlinkSync('index.php', join(staging, 'alias.php'));
  symlinkSync('/etc', join(staging, 'etc'));
  host = { config: { staging }, layout: createStateLayout(join(home, 'state')) } as unknown as DeployHost;
});

describe('chooseStaging()', () => {
  it.each<[string | undefined, string, string[] | undefined]>([
    [undefined, 'staging', undefined],
    ['staging', 'staging', undefined],
    ['staging/', 'staging', undefined],
    ['link', 'staging', undefined],
    ['staging/php', 'staging', ['php']],
    ['staging/php/', 'staging', ['php']],
    ['link/php/includes', 'staging', ['php/includes']],
    ['staging/gone', 'staging', ['gone']],
  ])('%s means %s, %j', (path, expected, scope) => {
    const choice = chooseStaging(host, home, path);
    expect([choice.staging === join(home, 'link') ? staging : choice.staging, choice.scope]).toEqual([
      join(home, expected),
      scope,
    ]);
  });

  it.each([['other'], ['staging/../other'], ['/etc']])('%s is not the configured staging tree: refused', (path) => {
    expect(() => chooseStaging(host, home, path)).toThrow(
      expect.objectContaining({ code: 'usage', hint: expect.stringContaining('--config') }),
    );
  });

  it('without a configured staging tree any directory is one', () => {
    const embedded = { ...host, config: {} } as unknown as DeployHost;
    expect(chooseStaging(embedded, home, 'other')).toEqual({ staging: join(home, 'other'), scope: undefined });
  });

  it('without a path and without a known staging tree says what to do', () => {
    const unknown = { ...host, config: {} } as unknown as DeployHost;
    expect(() => chooseStaging(unknown, home, undefined)).toThrow(
      expect.objectContaining({ code: 'staging_missing', hint: expect.stringContaining('scap push PATH') }),
    );
  });
});

describe('choosePaths()', () => {
  it.each<[string, string, string]>([
    ['.', 'staging/index.php', 'index.php'],
    ['.', 'index.php', 'index.php'],
    ['.', './index.php', 'index.php'],
    ['.', 'php/../index.php', 'index.php'],
    ['other', 'index.php', 'index.php'],
    ['other', '../staging/php', 'php'],
    ['staging/php', 'includes', 'php/includes'],
    ['staging/php', '../index.php', 'index.php'],
    ['.', 'link/index.php', 'index.php'],
    ['.', 'alias.php', 'alias.php'],
    ['.', 'etc', 'etc'],
    ['.', 'php/gone/for/good.php', 'php/gone/for/good.php'],
    ['.', 'ü.php', Buffer.from('ü.php').toString('latin1')],
  ])('[B8] in %s, %s is %s', (cwd, path, expected) => {
    expect(choosePaths(host, join(home, cwd), [path])).toEqual({ staging, scope: [expected] });
  });

  it.each([['/etc/passwd'], ['../../../../etc/passwd'], ['etc/passwd'], ['../stagingx']])(
    '[B8] %s is not inside',
    (path) => {
      expect(() => choosePaths(host, home, [path])).toThrow(expect.objectContaining({ code: 'path_unknown' }));
    },
  );

  it.each([['staging'], ['link'], ['staging/php/..']])('%s is all of it: use push', (path) => {
    expect(() => choosePaths(host, home, [path])).toThrow(
      expect.objectContaining({ code: 'usage', hint: 'Deploy all of it with: scap push' }),
    );
  });
});
