import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { cleanEnvironment, createOperator, scapProgram, temporaryDirectory } from '../support/operator.ts';

describe('wherever and however it is called', () => {
  it('works in paths with spaces, quotes and other alphabets', async () => {
    const me = createOperator(undefined, { name: "scap e2e it's “ünï” $HOME `x` -" });
    await me.expectStatus(0, 'push', 'staging');
    me.stage({ 'a b/ü.txt': 'x' });
    await me.expectStatus(0, 'sync-file', 'staging/a b');
    expect(readFileSync(join(me.live('web1'), 'a b/ü.txt'), 'utf8')).toBe('x');
    await me.expectStatus(0, 'verify', '--deep');
  });

  it('[B4] the umask changes nothing', async () => {
    const me = createOperator();
    chmodSync(join(me.staging, 'index.php'), 0o664);
    chmodSync(join(me.staging, 'docroot/robots.txt'), 0o640);
    const { exitCode, stderr } = await execa(
      'sh',
      ['-c', 'umask 077; exec "$0" "$@"', scapProgram, 'push', 'staging'],
      { cwd: me.cwd, env: cleanEnvironment(), extendEnv: false, reject: false },
    );
    expect(exitCode, stderr).toBe(0);
    const mode = (path: string) => (statSync(join(me.live('web1'), path)).mode & 0o7777).toString(8);
    expect([mode('.'), mode('docroot'), mode('index.php'), mode('docroot/robots.txt')]).toEqual([
      '755',
      '755',
      '644',
      '640',
    ]);
    for (const path of ['cache', 'cache/revs'])
      expect((statSync(join(me.path('.scap/targets/web1'), path)).mode & 0o777).toString(8)).toBe('755');
  });

  it.each([
    ['C.UTF-8', { LC_ALL: 'C.UTF-8' }],
    ['a locale that does not exist', { LC_ALL: 'xx_YY.WEIRD', LANG: 'tlh' }],
    ['no HOME', { HOME: undefined }],
    ['a HOME that does not exist', { HOME: '/nonexistent' }],
    [
      'git variables of somebody else',
      {
        GIT_DIR: '/nonexistent',
        GIT_INDEX_FILE: '/nonexistent',
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'core.autocrlf',
        GIT_CONFIG_VALUE_0: 'true',
      },
    ],
    ['a time zone far away', { TZ: 'Pacific/Kiritimati' }],
  ])('[B2] works with %s, and makes the same tree', async (_what, env) => {
    const me = createOperator();
    me.stage({ 'ünïcode.txt': 'line\r\nline\n' });
    const answer = await me.scapWith({ env }, 'push', 'staging');
    expect(answer.status, answer.stderr).toBe(0);
    expect(readFileSync(join(me.live('web2'), 'ünïcode.txt'), 'utf8')).toBe('line\r\nline\n');
    await me.expectStatus(0, 'verify', '--deep');
    expect((await me.expectStatus(0, 'push')).stdout).toContain('Nothing to do');
  });

  it('[I15] [B39] asks nothing without a terminal', async () => {
    const me = createOperator();
    const child = await execa(scapProgram, ['push', 'staging'], {
      cwd: me.cwd,
      env: cleanEnvironment(),
      extendEnv: false,
      stdin: 'pipe',
      timeout: 20_000,
      reject: false,
    });
    expect(child.exitCode).toBe(0);
  });

  it('is the same program through a symbolic link', async () => {
    const me = createOperator();
    await execa('ln', ['-s', scapProgram, me.path('linked-scap')]);
    const { exitCode } = await execa(me.path('linked-scap'), ['push', 'staging'], {
      cwd: me.cwd,
      env: cleanEnvironment(),
      extendEnv: false,
      reject: false,
    });
    expect(exitCode).toBe(0);
  });
});

describe('nonsense on the command line', () => {
  it.each([
    ['an unknown command', ['pussh'], 'pussh'],
    ['an unknown option', ['push', '--fast'], '--fast'],
    ['too many arguments', ['push', 'a', 'b'], 'too many arguments'],
    ['a missing argument', ['sync-file'], "missing required argument 'paths'"],
    ['a duration that is none', ['push', 'staging', '--wait', 'soon'], 'Expected a duration such as 30s'],
    ['a number that is none', ['history', '-n', 'many'], 'Expected a whole number'],
    ['an unknown option of rollback', ['rollback', '--dryrun'], '--dryrun'],
    ['an unknown plan', ['plan', 'puhs'], 'puhs'],
  ])('%s: exit 2, on stderr, with a way on', async (_what, args, named) => {
    const me = createOperator();
    const { stderr, stdout } = await me.expectStatus(2, ...args);
    expect(stderr).toContain(named);
    expect(stderr).toMatch(/scap [a-z -]*--help|hint:|Did you mean/);
    expect(stdout).toBe('');
    expect(existsSync(me.path('.scap'))).toBe(false);
  });

  it('without any argument shows the help, and --help is exit 0', async () => {
    const me = createOperator();
    expect((await me.expectStatus(0, '--help')).stdout).toContain('Usage: scap');
    expect((await me.expectStatus(0, 'push', '--help')).stdout).toContain('--dry-run');
    expect((await me.expectStatus(0, '--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await me.scap()).stderr).toContain('Usage: scap');
  });
});

describe('secrets', () => {
  it('[B12] a password in the remote of a nested checkout appears nowhere', async () => {
    const me = createOperator();
    const checkout = join(me.staging, 'extensions/Secret');
    mkdirSync(checkout, { recursive: true });
    const git = (...args: string[]) =>
      execa('git', ['-C', checkout, ...args], {
        env: {
          GIT_CONFIG_GLOBAL: '/dev/null',
          GIT_AUTHOR_NAME: 'a',
          GIT_AUTHOR_EMAIL: 'a@b',
          GIT_COMMITTER_NAME: 'a',
          GIT_COMMITTER_EMAIL: 'a@b',
        },
      });
    await git('init', '-q', '-b', 'main');
    writeFileSync(join(checkout, 'extension.json'), '{}\n');
    await git('add', '.');
    await git('commit', '-q', '-m', 'x');
    await git('remote', 'add', 'origin', 'https://deployer:hunter2-token@gerrit.example.org/Secret.git');
    await me.expectStatus(0, 'push', 'staging');
    const shown = await me.expectStatus(0, 'show', '--verbose');
    expect(shown.stdout).toContain('extensions/Secret');
    expect(shown.stdout).toContain('gerrit.example.org/Secret.git');
    for (const text of [
      shown.stdout,
      (await me.expectStatus(0, 'show', '--json')).stdout,
      (await me.expectStatus(0, 'history', '--json')).stdout,
    ])
      expect(text).not.toContain('hunter2');
    expect(await grep(me.path('.scap'), 'hunter2')).toEqual([]);
    const blobs = await execa('git', ['-C', me.path('.scap/repo.git'), 'cat-file', '--batch-all-objects', '--batch'], {
      encoding: 'buffer',
    });
    expect(Buffer.from(blobs.stdout).includes('hunter2')).toBe(false);
  });
});

async function grep(directory: string, text: string): Promise<string[]> {
  const names = readdirSync(directory, { recursive: true }) as string[];
  return names.filter(
    (name) =>
      statSync(join(directory, name), { throwIfNoEntry: false })?.isFile() &&
      readFileSync(join(directory, name)).includes(text),
  );
}

describe('two at once', () => {
  it('[B40] the second fails at once naming the holder, or waits when told to', async () => {
    const me = createOperator();
    const trap = temporaryDirectory();
    // The holder stops in git, which waits for the gate to open.
    const gate = join(trap, 'gate');
    writeFileSync(
      join(trap, 'git'),
      `#!/bin/sh\nexec 3>&1 1>&2\n[ -e ${gate} ] || { : > ${trap}/waiting; while [ ! -e ${gate} ]; do sleep 0.05; done; }\nexec 1>&3\nexec $(PATH=/usr/local/bin:/usr/bin:/bin command -v git) "$@"\n`,
      { mode: 0o755 },
    );
    const first = me.scapWith({ env: { PATH: `${trap}:${process.env.PATH}` } }, 'push', 'staging', '-m', 'holding on');
    const { until } = await import('../support/operator.ts');
    await until(() => existsSync(join(trap, 'waiting')), 'the first to hold the lock');
    const second = await me.expectStatus(4, 'push', 'staging');
    expect(second.stderr).toContain('holding on');
    expect(second.stderr).toMatch(/pid \d+/);
    expect((await me.expectStatus(0, 'lock')).stdout).toMatch(/^Running: .* \(pid \d+\) since .*holding on/);
    const third = me.scap('push', 'staging', '--wait', '30s');
    writeFileSync(gate, '');
    expect((await first).status).toBe(0);
    const answer = await third;
    expect(answer.status, answer.stderr).toBe(0);
    expect(answer.stdout).toContain('Nothing to do');
    expect((await me.json(0, 'lock')).running).toBe(null);
  });
});
