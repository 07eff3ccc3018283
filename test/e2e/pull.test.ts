import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { createOperator, type Document, fingerprint, type Operator, withoutAgents } from '../support/operator.ts';
import { readTimes } from '../support/target-world.ts';
import { readTree } from '../support/tree-builder.ts';
import { writeFleet } from '../support/yaml-fleet.ts';

const all = ['mw1', 'mw2', 'mw3'];
const agentPath = fileURLToPath(new URL('../../dist/agent.mjs', import.meta.url));
const live = (me: Operator, host: string) => me.path(`t/${host}/live`);
const cache = (me: Operator, host: string) => me.path(`t/${host}/cache`);
const place = (me: Operator, host: string) => ['--cache', cache(me, host), '--live', live(me, host)];

/** What a host serves: names, kinds, modes and bytes, and every time. */
const content = (me: Operator, host: string) => {
  const root = realpathSync(live(me, host));
  return { tree: readTree(root), times: readTimes(root) };
};

/** Three hosts; mw3 was away when the second revision, or every revision, was pushed. */
async function withOneBehind({ since = 2 } = {}): Promise<{ me: Operator; one: string; two: string; from: string }> {
  const me = createOperator();
  writeFleet(me, { hosts: since === 1 ? all.slice(0, 2) : all });
  const one = (await me.json(0, 'push')).revision;
  writeFleet(me, { hosts: all.slice(0, 2) });
  me.stage({ 'index.php': 'two', 'new/file.txt': 'new\n'.repeat(20), 'docroot/robots.txt': null });
  chmodSync(me.path('staging/wmf-config/CommonSettings.php'), 0o640);
  const two = (await me.json(0, 'push')).revision;
  writeFleet(me, { hosts: all });
  await withoutAgents(me.cwd);
  return { me, one, two, from: me.path('state/repo.git') };
}

const states = async (me: Operator, status = 0) =>
  (await me.json(status, 'status')).hosts.map(({ state }: { state: string }) => state);

describe('scap pull', () => {
  it.each([
    ['a host that was away', 2],
    ['a host that never had anything', 1],
  ])(
    '[B34] [I13] brings %s to the bytes and times of its neighbours, and touches nobody else',
    async (_what, since) => {
      const { me, one, two, from } = await withOneBehind({ since });
      const others = ['mw1', 'mw2'].map((host) => fingerprint(me.path(`t/${host}`)));
      const result = await me.json(0, 'pull', '--from', from, '--host', 'mw3');
      expect(result).toEqual({
        ok: true,
        host: 'mw3',
        revision: two,
        previous: since === 1 ? null : one,
        changed: true,
      });
      await withoutAgents(me.cwd);
      expect(content(me, 'mw3')).toEqual(content(me, 'mw1'));
      expect(['mw1', 'mw2'].map((host) => fingerprint(me.path(`t/${host}`)))).toEqual(others);
      expect(await states(me)).toEqual(['current', 'current', 'current']);
      expect((await me.json(0, 'verify', '--deep')).ok).toBe(true);
    },
  );

  it('[B1] what is live already is not touched, and the next push builds on what was pulled', async () => {
    const { me, two, from } = await withOneBehind();
    await me.expectStatus(0, 'pull', '--from', from, '--host', 'mw3');
    const before = fingerprint(me.path('t'));
    const again = await me.expectStatus(0, 'pull', '--from', from, '--host', 'mw3');
    expect(again.stdout).toBe(`Revision ${two.slice(0, 12)} is live already\n`);
    expect(await me.json(0, 'pull', '--from', from, '--host', 'mw3')).toMatchObject({ changed: false, revision: two });
    expect(fingerprint(me.path('t'))).toEqual(before);
    me.stage({ 'index.php': 'three' });
    await me.expectStatus(0, 'push');
    expect(await states(me)).toEqual(['current', 'current', 'current']);
    await me.expectStatus(0, 'rollback');
    expect(readFileSync(`${live(me, 'mw3')}/index.php`, 'utf8')).toBe('two');
  });

  it('repairs what is live and was changed on disk', async () => {
    const { me, from } = await withOneBehind();
    await me.expectStatus(0, 'pull', '--from', from, '--host', 'mw3');
    const file = `${realpathSync(live(me, 'mw3'))}/index.php`;
    rmSync(file);
    writeFileSync(file, 'changed by hand');
    const { stdout } = await me.expectStatus(0, 'pull', '--from', from, '--host', 'mw3');
    expect(stdout).toMatch(/is live, and whole again/);
    await withoutAgents(me.cwd);
    expect(content(me, 'mw3')).toEqual(content(me, 'mw1'));
  });

  it.each([
    ['a file URL', (path: string) => `file://${path}`],
    ['a relative path', () => './state/repo.git'],
    ['ssh, with its short form', (path: string) => `deploy@deploy1:${path}`],
    ['ssh, as a URL', (path: string) => `ssh://deploy1${path}`],
  ])('reads from %s, with paths instead of a configuration', async (_what, url) => {
    const { me, two, from } = await withOneBehind();
    rmSync(me.path('scap.yaml'));
    const bin = me.path('bin');
    mkdirSync(bin);
    // Stands in for ssh: runs the command here.
    writeFileSync(
      `${bin}/ssh`,
      `#!/bin/sh\necho "$@" >>${me.path('ssh.log')}\nfor last; do :; done\nexec sh -c "$last"\n`,
    );
    chmodSync(`${bin}/ssh`, 0o755);
    const answer = await me.scapWith(
      { env: { PATH: `${bin}:${process.env.PATH}` } },
      ...['pull', '--from', url(from), ...place(me, 'mw3')],
    );
    expect(answer.status, answer.stderr).toBe(0);
    expect(realpathSync(live(me, 'mw3')).endsWith(two)).toBe(true);
    if (url(from).includes('deploy1')) expect(readFileSync(me.path('ssh.log'), 'utf8')).toContain('-oBatchMode=yes');
  });

  it('runs from the shipped agent alone', async () => {
    const { me, one, two, from } = await withOneBehind();
    const agent = me.path(`agent-${'a'.repeat(64)}.mjs`);
    copyFileSync(agentPath, agent);
    const pull = async () => {
      const { stdout } = await execa(process.execPath, [agent, 'pull', '--from', from, ...place(me, 'mw3')], {
        cwd: '/',
      });
      return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Document;
    };
    expect(await pull()).toEqual({ revision: two, previous: one, changed: true });
    expect(await pull()).toEqual({ revision: two, previous: two, changed: false });
  });

  it('[B33] after a rollback brings the older revision', async () => {
    const { me, one, two, from } = await withOneBehind();
    await me.expectStatus(0, 'pull', '--from', from, '--host', 'mw3');
    writeFleet(me, { hosts: all.slice(0, 2) });
    await me.expectStatus(0, 'rollback');
    writeFleet(me, { hosts: all });
    expect(await me.json(0, 'pull', '--from', from, '--host', 'mw3')).toMatchObject({ revision: one, previous: two });
  });

  it('[B40] waits for whoever works on the target', async () => {
    const { me, two, from } = await withOneBehind();
    const holder = execa('flock', ['-x', `${cache(me, 'mw3')}/lock`, 'sh', '-c', 'echo held; read _'], {
      stdin: 'pipe',
      reject: false,
    });
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    const pulling = me.json(0, 'pull', '--from', from, '--host', 'mw3');
    // It has asked, and now waits: what is live stays for as long as the lock is held.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(realpathSync(live(me, 'mw3')).endsWith(two)).toBe(false);
    holder.stdin?.end('\n');
    expect(await pulling).toMatchObject({ changed: true, revision: two });
  });
});

describe('scap pull that cannot', () => {
  const error = async (me: Operator, status: number, ...args: string[]) =>
    (await me.json(status, 'pull', '--host', 'mw3', '--from', ...args)).error;

  it('read the repository says why, and changes nothing', async () => {
    const { me } = await withOneBehind();
    const before = fingerprint(me.path('t'));
    const found = await error(me, 5, me.path('no-such.git'));
    expect(found).toMatchObject({ code: 'repository_unreachable', hint: expect.stringContaining('git ls-remote') });
    expect(found.message).toMatch(/does not (appear to be a git repository|exist)/);
    expect(fingerprint(me.path('t'))).toEqual(before);
  });

  it.each([
    'ext::sh -c "touch owned"',
    '--upload-pack=touch owned',
    'http://deploy1/repo.git',
    'ssh://-oProxyCommand=x/r',
  ])('refuses %s as a URL: exit 2', async (url) => {
    const me = createOperator();
    writeFleet(me, { hosts: all });
    const answer = await me.json(2, 'pull', '--host', 'mw3', `--from=${url}`);
    expect(answer.error.code).toBe('usage');
    expect(existsSync(me.path('owned'))).toBe(false);
  });

  it('find what should be live, or what belongs to it: says which', async () => {
    const { me, two, from } = await withOneBehind();
    execFileSync('git', ['init', '--quiet', '--bare', me.path('empty.git')]);
    expect(await error(me, 2, me.path('empty.git'))).toMatchObject({ code: 'revision_unknown' });
    execFileSync('git', ['--git-dir', from, 'update-ref', '-d', `refs/scap/times/${two}`]);
    expect(await error(me, 5, from)).toMatchObject({
      code: 'repository_damaged',
      message: expect.stringContaining(`refs/scap/times/${two}`),
      hint: expect.stringContaining('--mirror'),
    });
  });

  it('tell which host it is on: exit 2, and --cache without --live too', async () => {
    const { me, from } = await withOneBehind();
    expect((await me.json(2, 'pull', '--from', from)).error.code).toBe('host_unknown');
    expect((await me.json(2, 'pull', '--from', from, '--cache', 'x')).error.code).toBe('usage');
  });

  it('take over what stands at the live path: refused without --adopt', async () => {
    const { me, two, from } = await withOneBehind();
    rmSync(live(me, 'mw3'));
    mkdirSync(live(me, 'mw3'));
    expect((await error(me, 7, from)).code).toBe('live_foreign');
    expect(lstatSync(live(me, 'mw3')).isDirectory()).toBe(true);
    expect(await me.json(0, 'pull', '--host', 'mw3', '--adopt', '--from', from)).toMatchObject({ revision: two });
  });

  it.runIf(process.getuid?.() === 0)(
    'be the user who is deployed as: refused, so that no file gets another owner',
    async () => {
      const { me, from } = await withOneBehind();
      chownSync(`${cache(me, 'mw3')}/repo.git`, 65_534, 65_534);
      expect(await error(me, 3, from)).toMatchObject({
        code: 'permission_denied',
        hint: expect.stringContaining("'#65534'"),
      });
    },
  );
});
