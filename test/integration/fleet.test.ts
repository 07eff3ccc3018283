// Throw-away hosts of scripts/fleet, met by the OpenSSH client. What needs namespaces fails, and is not passed over, where
// root cannot have them; ordinary users cannot have them anywhere.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Fleet,
  type FleetHost,
  type FleetOptions,
  fleetStatus,
  openFleet,
  startFleet,
} from '../../scripts/lib/fleet/fleet.mjs';
import { findNetwork } from '../../scripts/lib/fleet/network.mjs';
import { findHostProcesses, readProcesses } from '../../scripts/lib/fleet/process-table.mjs';
import { readRecord } from '../../scripts/lib/fleet/record.mjs';
import { useTempDirs } from '../support/temp-dir.ts';
import { isRoot } from '../support/unprivileged.ts';

const script = fileURLToPath(new URL('../../scripts/fleet', import.meta.url));
const administratorsPath = `${process.env.PATH}:/usr/sbin:/sbin`;
const modes = isRoot ? (['plain', 'namespaces'] as const) : (['plain'] as const);
if (!isRoot) process.stderr.write('fleet.test.ts: this is not root, so fleets of namespaces are NOT tested\n');

const tempDir = useTempDirs();
const directories: string[] = [];
const clients: ChildProcess[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.kill('SIGKILL');
  for (const directory of directories.splice(0)) if (readRecord(directory)) await openFleet(directory).stop();
});

function newDirectory(): string {
  const directory = join(tempDir(), 'fleet');
  directories.push(directory);
  return directory;
}

const start = (options: Partial<FleetOptions> = {}): Promise<Fleet> =>
  startFleet({ directory: newDirectory(), hosts: 3, mode: 'plain', ...options });

/** What a command on a host prints. */
const onHost = ({ sshArgv: [program = '', ...words] }: FleetHost, command: string): string =>
  execFileSync(program, [...words, command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** A session that lasts, once it is there. */
async function openSession({ sshArgv: [program = '', ...words] }: FleetHost): Promise<ChildProcess> {
  const client = spawn(program, [...words, 'echo ready; exec sleep 600'], { stdio: ['ignore', 'pipe', 'ignore'] });
  clients.push(client);
  await once(client.stdout as NodeJS.ReadableStream, 'data');
  return client;
}

/** Leaves a process on a host that no session holds any longer. */
const leaveOrphan = (host: FleetHost) => onHost(host, 'setsid sleep 600 </dev/null >/dev/null 2>&1 & echo left');

function processesOf(directory: string, hosts: readonly Pick<FleetHost, 'name' | 'netns'>[]): string[] {
  const table = readProcesses();
  const marks = hosts.map(({ name, netns }) => ({ root: `${directory}/hosts/${name}`, netns }));
  return marks.flatMap((host) => findHostProcesses(table, host)).map(({ commandLine }) => commandLine);
}

const states = async ({ directory }: Fleet) => (await fleetStatus(directory)).hosts.map(({ state }) => state);

function runScript(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(script, words, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const withoutNetworkRights = ['--bounding-set', '-net_admin', '--', script];

describe.each(modes)('a fleet of mode %s', (mode) => {
  it('lets the OpenSSH client into each host, by the key and the host keys it wrote', async () => {
    const fleet = await start({ mode });
    const seen = fleet.hosts.map((host) => onHost(host, 'echo "$XDG_CACHE_HOME $(node --version)"').trim());
    const expected = fleet.hosts.map(({ agentCache }) => `${agentCache} ${process.version}`);
    expect(seen).toEqual(expected);
    expect(new Set(fleet.hosts.map(({ agentCache }) => agentCache)).size).toBe(3);
  });

  it('gives each host a key of its own', async () => {
    const { directory, hosts } = await start({ mode });
    const [first = '', second = '', ...rest] = readFileSync(`${directory}/known_hosts`, 'utf8').trim().split('\n');
    const swap = (line: string, other: string) => `${line.split(' ')[0]} ${other.split(' ').slice(1).join(' ')}`;
    writeFileSync(`${directory}/known_hosts`, [swap(first, second), second, ...rest, ''].join('\n'));
    expect(() => onHost(hosts[0] as FleetHost, 'true')).toThrow(/REMOTE HOST IDENTIFICATION HAS CHANGED/);
    expect(onHost(hosts[1] as FleetHost, 'echo in')).toBe('in\n');
  });

  it('leaves no process, no link and no file', async () => {
    const fleet = await start({ mode });
    const tag = readRecord(fleet.directory)?.tag ?? '';
    for (const host of fleet.hosts) leaveOrphan(host);
    await openSession(fleet.hosts[0] as FleetHost);
    expect(processesOf(fleet.directory, fleet.hosts).filter((line) => line.includes('sleep 600'))).toHaveLength(4);
    await fleet.stop();
    expect(processesOf(fleet.directory, fleet.hosts)).toEqual([]);
    expect(existsSync(fleet.directory)).toBe(false);
    if (mode === 'namespaces') expect(await findNetwork(tag)).toEqual({ links: [], namespaces: [] });
  });

  it('stops one host with all that runs on it, and starts it again', async () => {
    const fleet = await start({ mode });
    const host = fleet.hosts[1] as FleetHost;
    const before = host.sshdPid;
    leaveOrphan(host);
    const session = await openSession(host);
    const ended = once(session, 'exit');
    await host.stop();
    await ended;
    expect(processesOf(fleet.directory, [host])).toEqual([]);
    expect(host.sshdPid).toBeUndefined();
    expect(await states(fleet)).toEqual(['up', 'down', 'up']);
    await host.start();
    expect(host.sshdPid).not.toBe(before);
    expect(onHost(host, 'echo back')).toBe('back\n');
  });

  it('freezes one host and thaws it', async () => {
    const fleet = await start({ mode });
    const host = fleet.hosts[2] as FleetHost;
    const session = await openSession(host);
    await host.freeze();
    expect(await states(fleet)).toEqual(['up', 'up', 'silent']);
    expect(session.exitCode).toBeNull();
    await host.thaw();
    expect(await states(fleet)).toEqual(['up', 'up', 'up']);
    expect(onHost(host, 'echo thawed')).toBe('thawed\n');
  });

  it('is brought down after a kill half-way up', async () => {
    const directory = newDirectory();
    const child = spawn(script, ['up', '--hosts', '24', '--mode', mode, '--directory', directory], { stdio: 'ignore' });
    const gone = once(child, 'exit');
    const hosts = Array.from({ length: 24 }, (_, at) => `${directory}/hosts/mw${at + 1}`);
    // The first of several servers has written its process id: others are on their way, others not begun.
    while (child.exitCode === null && !hosts.some((host) => existsSync(`${host}/sshd.pid`))) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    child.kill('SIGKILL');
    await gone;
    const record = readRecord(directory);
    const plans = (record?.hosts ?? []).map(({ name, netns }) => ({ name, netns }));
    expect(processesOf(directory, plans)).not.toEqual([]);
    expect(runScript('up', '--hosts', '2', '--directory', directory)).toMatchObject({ status: 1 });
    expect(runScript('down', '--directory', directory)).toMatchObject({ status: 0, stderr: '' });
    expect(processesOf(directory, plans)).toEqual([]);
    expect(existsSync(directory)).toBe(false);
    if (mode === 'namespaces') expect(await findNetwork(record?.tag ?? '')).toEqual({ links: [], namespaces: [] });
  });
});

describe('scripts/fleet', () => {
  it('goes up, says what to type next, refuses to go up twice, tells the status, and goes down', () => {
    const directory = newDirectory();
    const up = runScript('up', '--hosts', '2', '--mode', 'plain', '--directory', directory);
    expect(up).toMatchObject({ status: 0, stderr: '' });
    expect(up.stdout).toContain(`Next: bin/scap push --config ${directory}/scap.yaml\n`);
    const again = runScript('up', '--hosts', '2', '--mode', 'plain', '--directory', directory);
    expect(again).toMatchObject({ status: 1, stdout: '' });
    expect(again.stderr).toContain('there is one already\n  hint: Stop it with: scripts/fleet down --directory');
    const status = runScript('status', '--directory', directory);
    expect(status.status).toBe(0);
    expect(status.stdout).toMatch(
      /^mw1 {2}127\.0\.0\.2:\d+ {2}r1 {2}\d+ +up\nmw2 {2}127\.0\.0\.3:\d+ {2}r1 {2}\d+ +up\n$/,
    );
    expect(runScript('down', '--directory', directory)).toMatchObject({ status: 0, stderr: '' });
    expect(runScript('down', '--directory', directory)).toMatchObject({ status: 1 });
  });

  it('keeps files when told to, and uses them again', async () => {
    const fleet = await start();
    const key = readFileSync(`${fleet.directory}/id_ed25519`, 'utf8');
    writeFileSync(`${fleet.hosts[0]?.root}/cache`, 'kept');
    await fleet.stop({ keep: true });
    const next = await startFleet({ directory: fleet.directory, hosts: 4, mode: 'plain' });
    expect(readFileSync(`${fleet.directory}/id_ed25519`, 'utf8')).toBe(key);
    expect(onHost(next.hosts[0] as FleetHost, `cat ${next.hosts[0]?.cache}`)).toBe('kept');
    expect(onHost(next.hosts[3] as FleetHost, 'echo new')).toBe('new\n');
  });

  it('refuses a directory that holds other files', async () => {
    const directory = tempDir();
    writeFileSync(join(directory, 'precious'), '');
    await expect(start({ directory })).rejects.toThrow('it is not empty');
    expect(readdirSync(directory)).toEqual(['precious']);
  });

  it('says what a server said that does not start, and leaves nothing', async () => {
    const directory = newDirectory();
    await expect(start({ directory, sshdConfig: ['NoSuchOption yes'] })).rejects.toThrow(
      /Bad configuration option: NoSuch/,
    );
    expect(existsSync(directory)).toBe(false);
  });

  it('takes lines for sshd_config that win over its own', async () => {
    const fleet = await start({ sshdConfig: ['ForceCommand echo forced', 'Match User nobody', 'DenyUsers nobody'] });
    expect(onHost(fleet.hosts[0] as FleetHost, 'echo asked')).toBe('forced\n');
  });
});

describe.runIf(isRoot)('a fleet of namespaces', () => {
  it('gives each host a /srv of its own, seen from here below its root', async () => {
    const { hosts } = await start({ mode: 'namespaces' });
    for (const host of hosts) onHost(host, `echo ${host.name} > /srv/scap-fleet-name`);
    expect(hosts.map((host) => onHost(host, 'cat /srv/scap-fleet-name'))).toEqual(['mw1\n', 'mw2\n', 'mw3\n']);
    expect(hosts.map(({ root }) => readFileSync(`${root}/scap-fleet-name`, 'utf8'))).toEqual([
      'mw1\n',
      'mw2\n',
      'mw3\n',
    ]);
    expect(existsSync('/srv/scap-fleet-name')).toBe(false);
  });

  it('gives each host an address of its own that the others reach', async () => {
    const { hosts } = await start({ mode: 'namespaces' });
    const [first, , third] = hosts as [FleetHost, FleetHost, FleetHost];
    const script = `exec 3<>/dev/tcp/${third.address}/22; head -c 4 <&3`;
    expect(onHost(first, `bash -c '${script}'`)).toBe('SSH-');
    expect(onHost(first, 'ip -o -4 addr show dev eth0')).toContain(` ${first.address}/22 `);
  });

  it('limits the rate of both ends of each link, and of all this machine sends', async () => {
    const fleet = await start({ mode: 'namespaces', rate: '100mbit', deployRate: '1gbit', hosts: 2 });
    const { links } = await findNetwork(readRecord(fleet.directory)?.tag ?? '');
    const [bridge = '', ...ends] = links;
    const rateOf = (link: string, ...where: string[]) => {
      const env = { ...process.env, PATH: administratorsPath };
      const shown = JSON.parse(
        execFileSync('tc', [...where, '-j', 'qdisc', 'show', 'dev', link], { encoding: 'utf8', env }),
      );
      return shown.map(({ kind, options }: { kind: string; options: { rate: number } }) => [kind, options.rate]);
    };
    const bytes = 100e6 / 8;
    expect(ends.map((link) => rateOf(link))).toEqual([[['tbf', bytes]], [['tbf', bytes]]]);
    const inside = fleet.hosts.map(({ netns = '' }) => rateOf('eth0', '-n', netns));
    expect(inside).toEqual([[['tbf', bytes]], [['tbf', bytes]]]);
    expect(rateOf(bridge)).toEqual([['tbf', 1e9 / 8]]);
  });

  it('lets two fleets be up at once', async () => {
    const [one, other] = await Promise.all([start({ mode: 'namespaces' }), start({ mode: 'namespaces' })]);
    await one.stop();
    expect(await states(other)).toEqual(['up', 'up', 'up']);
    expect(onHost(other.hosts[0] as FleetHost, 'echo here')).toBe('here\n');
  });

  it('falls back to a plain fleet without the rights, with a sentence, unless namespaces were asked for', () => {
    const directory = newDirectory();
    const up = (...words: string[]) =>
      spawnSync('setpriv', [...withoutNetworkRights, 'up', '--hosts', '1', '--directory', directory, ...words], {
        encoding: 'utf8',
      });
    const refused = up('--mode', 'namespaces');
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /^fleet: Cannot make namespaces: .*Operation not permitted.*\n {2}hint: Run as root/,
    );
    const plain = up('--rate', '100mbit');
    expect(plain).toMatchObject({ status: 0 });
    expect(plain.stdout).toContain('port');
    expect(plain.stderr).toMatch(/^fleet: Cannot make namespaces, so .* links have no rate: .*Operation not permitted/);
  });
});
