// `scap hosts`, and a push over SSH, against real sshd hosts on loopback addresses.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Fleet, type FleetHost, startFleet } from '../../scripts/lib/fleet/fleet.mjs';
import { createOperator, type Operator } from '../support/operator.ts';

const base = mkdtempSync(join(tmpdir(), 'scap-hosts-'));
let shared: Fleet;
const own: Fleet[] = [];

beforeAll(async () => {
  shared = await startFleet({ directory: join(base, 'fleet'), hosts: 2, mode: 'plain' });
});

afterEach(async () => {
  for (const fleet of own.splice(0)) await fleet.stop();
});

afterAll(async () => {
  await shared?.stop();
  rmSync(base, { recursive: true, force: true });
});

/** Somebody who has the key, and knows no host yet. */
function createSshOperator({ directory, hosts }: Fleet): Operator {
  const me = createOperator();
  const lines = [
    'staging: staging',
    'state: state',
    `ssh: {identityFile: ${directory}/id_ed25519, knownHosts: ${me.path('known_hosts')}, configFile: none}`,
    'hosts:',
    ...hosts.map(
      ({ name, address, port, user }) =>
        `  ${name}: {transport: ssh, user: ${user}, address: ${address}, port: ${port}, cache: ${me.path('t', name, 'cache')}, live: ${me.path('t', name, 'live')}}`,
    ),
  ];
  writeFileSync(me.path('scap.yaml'), `${lines.join('\n')}\n`);
  return me;
}

/** As `ssh-keygen -l` prints it. */
const fingerprintOf = ({ root }: FleetHost) =>
  execFileSync('ssh-keygen', ['-lf', `${root}/host_key.pub`], { encoding: 'utf8' }).split(' ')[1] ?? '';
const recorded = (me: Operator) => readFileSync(me.path('known_hosts'), 'utf8');

describe('[B48] scap hosts trust', () => {
  it('shows the keys, records none unasked, records them with --yes, and then a push goes through', async () => {
    const me = createSshOperator(shared);
    const refused = await me.scap('push');
    expect(refused.status).not.toBe(0);
    expect(refused.stdout + refused.stderr).toContain('scap hosts trust mw1');

    const shown = await me.expectStatus(2, 'hosts', 'trust', 'mw*');
    for (const host of shared.hosts) expect(shown.stderr).toContain(`ssh-ed25519 ${fingerprintOf(host)}  new`);
    expect(shown.stderr).toContain('--yes');
    expect(() => recorded(me)).toThrow('ENOENT');

    const answer = await me.expectStatus(0, 'hosts', 'trust', 'mw*', '--yes');
    expect(answer.stdout).toContain('Recorded 2 host keys');
    const lines = shared.hosts.map(
      ({ root, address, port }) =>
        `[${address}]:${port} ${readFileSync(`${root}/host_key.pub`, 'utf8').split(' ').slice(0, 2).join(' ').trim()}\n`,
    );
    expect(recorded(me)).toBe(lines.join(''));

    const again = await me.expectStatus(0, 'hosts', 'trust', 'mw1', 'mw2');
    expect(again.stderr.match(/known already/g)).toHaveLength(2);
    expect(again.stdout).toContain('Nothing new was recorded');
    expect(recorded(me)).toBe(lines.join(''));

    await me.expectStatus(0, 'push');
    for (const { name } of shared.hosts)
      expect(readFileSync(me.path('t', name, 'live/index.php'), 'utf8')).toBe('<?php // one\n');
  });

  it('refuses a key that has changed, and leaves the record as it is', async () => {
    const me = createSshOperator(shared);
    const [one, two] = shared.hosts as [FleetHost, FleetHost];
    const line = `[${one.address}]:${one.port} ${readFileSync(`${two.root}/host_key.pub`, 'utf8')}`;
    writeFileSync(me.path('known_hosts'), line);
    const answer = await me.expectStatus(1, 'hosts', 'trust', 'mw1', '--yes');
    expect(answer.stderr).toContain(`ssh-ed25519 ${fingerprintOf(one)}  REFUSED`);
    expect(recorded(me)).toBe(line);
  });

  it('says which hosts cannot be asked, and records the others', async () => {
    const me = createSshOperator(shared);
    const yaml = readFileSync(me.path('scap.yaml'), 'utf8');
    writeFileSync(me.path('scap.yaml'), `${yaml}  gone: {transport: ssh, address: 127.0.0.9, port: 1}\n`);
    const answer = await me.expectStatus(1, 'hosts', 'trust', 'gone', 'mw1', '--yes');
    expect(answer.stderr).toContain('Cannot reach gone: nothing listens at 127.0.0.9 port 1');
    expect(recorded(me).split('\n')).toHaveLength(2);
  });
});

describe('scap hosts list', () => {
  it('says how each host is reached', async () => {
    const me = createSshOperator(shared);
    const { stdout } = await me.expectStatus(0, 'hosts', 'list');
    for (const { name, user, address, port } of shared.hosts)
      expect(stdout).toMatch(new RegExp(`^${name} .* ${user}@${address}:${port} `, 'm'));
  });
});

describe('a push over SSH', () => {
  it('[B47] to hosts without git: names what is missing, and the command that brings it', async () => {
    const bin = mkdtempSync(join(base, 'bin-'));
    const tools = ['sh', 'sha256sum', 'head', 'mkdir', 'mv', 'rm', 'grep', 'cut'];
    for (const tool of tools) symlinkSync(execFileSync('which', [tool], { encoding: 'utf8' }).trim(), join(bin, tool));
    symlinkSync(process.execPath, join(bin, 'node'));
    const caches = mkdtempSync(join(base, 'caches-'));
    const fleet = await startFleet({
      directory: mkdtempSync(join(base, 'own-')),
      hosts: 2,
      mode: 'plain',
      sshdConfig: [`SetEnv "PATH=${bin}" "XDG_CACHE_HOME=${caches}" SHLVL=2`],
    });
    own.push(fleet);
    const me = createSshOperator(fleet);
    await me.expectStatus(0, 'hosts', 'trust', 'mw*', '--yes');
    const answer = await me.scap('push', '--json');
    expect(answer.status).not.toBe(0);
    const said = answer.stdout + answer.stderr;
    expect(said).toContain('tool_missing');
    expect(said).toContain('there is no git on it');
    expect(said).toContain('apt-get install git');
    // They answered: narration, counts and status agree that they failed.
    expect(answer.stderr).not.toContain('unreachable');
    expect(JSON.parse(answer.stdout).counts).toMatchObject({ unreachable: 0 });
    const { counts } = await me.json(1, 'status');
    expect(Object.keys(counts)).toEqual(['failed']);
  });
});
