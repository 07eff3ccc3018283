// What only a real OpenSSH server tells: agents that are sent, host keys, logins, jump hosts, and what is left behind.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Fleet, type FleetHost, startFleet } from '../../scripts/lib/fleet/fleet.mjs';
import type { HostName } from '../../src/core/host-name.ts';
import type { Connection, ConnectOptions } from '../../src/transport/connection.ts';
import type { SshSettings } from '../../src/transport/ssh/settings.ts';
import { createSshTransport } from '../../src/transport/ssh/ssh.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { processesNaming, temporaryDirectory, until } from '../support/operator.ts';
import { sshSettings } from '../support/ssh-settings.ts';

const fakeAgent = fileURLToPath(new URL('../support/fake-agent.mjs', import.meta.url));
const realAgent = fileURLToPath(new URL('../../dist/agent.mjs', import.meta.url));
const path = `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`;
const keyName = 'id_ed25519';

let shared: Fleet;
let directory: string;
const own: Fleet[] = [];
const open: Connection[] = [];

const temporaryBase = mkdtempSync(join(tmpdir(), 'scap-ssh-'));

beforeAll(async () => {
  shared = await startFleet({ directory: join(temporaryBase, 'fleet'), hosts: 3, mode: 'plain' });
});
afterAll(async () => {
  await shared?.stop();
  rmSync(temporaryBase, { recursive: true, force: true });
});

beforeEach(() => {
  directory = temporaryDirectory('scap-ssh-');
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()));
  await until(() => processesNaming(`${directory}/`).length === 0, 'every agent to be gone');
  for (const fleet of own.splice(0)) await fleet.stop();
});

/** A server of its own configuration, for one test. */
async function serve(...sshdConfig: string[]): Promise<{ readonly fleet: Fleet; readonly host: FleetHost }> {
  const base = mkdtempSync(join(temporaryBase, 'own-'));
  const fleet = await startFleet({ directory: base, hosts: 1, mode: 'plain', sshdConfig });
  own.push(fleet);
  return { fleet, host: hostOf(fleet) };
}

function hostOf(fleet: Fleet, at = 0): FleetHost {
  const host = fleet.hosts[at];
  if (host === undefined) throw new Error(`there is no host ${at}`);
  return host;
}

interface Way extends Partial<SshSettings> {
  readonly agentPath?: string;
  readonly passphrase?: string;
}

function transportOf(fleet: Fleet, { agentPath = fakeAgent, passphrase, ...more }: Way = {}): Transport {
  const settings = sshSettings({
    identityFiles: [`${fleet.directory}/${keyName}`],
    knownHosts: [`${fleet.directory}/known_hosts`],
    ...more,
  });
  return createSshTransport({ agentPath, settings, ...(passphrase !== undefined && { passphrase }) });
}

async function connectTo(
  transport: Transport,
  { name, address, port, user }: Pick<FleetHost, 'name' | 'user'> & { address?: string; port?: number },
  options: Partial<ConnectOptions> = {},
): Promise<Connection> {
  const endpoint = { name: name as HostName, cache: join(directory, 'cache'), live: join(directory, 'good') };
  const connection = await transport.connect({ ...endpoint, address, port, user }, { timeoutMs: 10_000, ...options });
  open.push(connection);
  return connection;
}

const echo = (connection: Connection) => connection.request('echo', 'here', { timeoutMs: 10_000 });
const sha256 = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
const agentsOn = (host: FleetHost) => readdirSync(`${host.agentCache}/scap`).sort();

function keygen(file: string, ...words: string[]): string {
  execFileSync('ssh-keygen', ['-q', '-N', '', '-C', '', '-f', file, ...words]);
  return file;
}

describe('ssh: the agent on its host', () => {
  it('is sent once, and not again', async () => {
    const host = hostOf(shared, 1);
    const file = `${host.agentCache}/scap/agent-${sha256(fakeAgent)}.mjs`;
    await connectTo(transportOf(shared), host);
    const first = statSync(file);
    await connectTo(transportOf(shared), host);
    expect(statSync(file)).toMatchObject({ ino: first.ino, ctimeMs: first.ctimeMs, mode: first.mode });
    expect(readFileSync(file)).toEqual(readFileSync(fakeAgent));
  });

  it('runs with the same umask the first time and later', async () => {
    const agentPath = join(directory, 'umask.mjs');
    const hello = `{ type: 'hello', protocol: 1, pid: process.pid, versions: { umask: process.umask().toString(8) } }`;
    writeFileSync(agentPath, `console.log(JSON.stringify(${hello})); process.stdin.resume();\n`);
    const umasks: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      const { hello } = await connectTo(transportOf(shared, { agentPath }), hostOf(shared));
      umasks.push(hello.versions.umask);
    }
    expect(umasks[0]).toBe(umasks[1]);
  });

  it('leaves agents of other versions that are young, and takes away old ones and halves', async () => {
    const host = hostOf(shared, 2);
    const place = `${host.agentCache}/scap`;
    mkdirSync(place, { recursive: true });
    const [old, young, half] = [
      `agent-${'b'.repeat(64)}.mjs`,
      `agent-${'c'.repeat(64)}.mjs`,
      `agent-${'d'.repeat(64)}.mjs.part.1`,
    ];
    for (const name of [old, young, half]) writeFileSync(join(place, name), 'throw new Error("the wrong one")');
    const past = new Date(Date.now() - 2 * 24 * 3600_000);
    for (const name of [old, half]) utimesSync(join(place, name), past, past);
    const connection = await connectTo(transportOf(shared, { agentPath: realAgent }), host);
    await connection.request('begin', { fence: 1 }, { timeoutMs: 10_000 });
    await connection.close();
    const kept = [young, `agent-${sha256(realAgent)}.mjs`].sort();
    await until(() => agentsOn(host).join() === kept.join(), `${kept.join()} alone to be there`);
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['truncated', (bytes) => bytes.subarray(0, 1000)],
    ['altered', (bytes) => Buffer.concat([Buffer.from('process.exit(9);'), bytes.subarray(16)])],
    ['longer', (bytes) => Buffer.concat([bytes, Buffer.from('\n')])],
    ['empty', () => Buffer.alloc(0)],
  ])('is replaced when it is %s', async (_how, damage) => {
    const host = hostOf(shared);
    const file = `${host.agentCache}/scap/agent-${sha256(fakeAgent)}.mjs`;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, damage(readFileSync(fakeAgent)));
    expect(await echo(await connectTo(transportOf(shared), host))).toBe('here');
    expect(readFileSync(file)).toEqual(readFileSync(fakeAgent));
  });

  it('a home that cannot be written to: agent_unusable, with the reason', async () => {
    writeFileSync(join(directory, 'file'), '');
    const { fleet, host } = await serve(`SetEnv "XDG_CACHE_HOME=${directory}/file/below" "PATH=${path}" SHLVL=2`);
    await expect(connectTo(transportOf(fleet), host)).rejects.toMatchObject({
      code: 'agent_unusable',
      message: expect.stringMatching(
        /^Cannot use mw1: the agent cannot be stored in ".*\/file\/below\/scap": .*Not a dir/,
      ),
      hint: expect.any(String),
    });
  });

  it('may lie below a directory with spaces and quotes', async () => {
    const cache = join(directory, "it's a $HOME `dir`");
    const { fleet, host } = await serve(`SetEnv "XDG_CACHE_HOME=${cache}" "PATH=${path}" SHLVL=2`);
    expect(await echo(await connectTo(transportOf(fleet), host))).toBe('here');
    expect(readdirSync(`${cache}/scap`)).toEqual([`agent-${sha256(fakeAgent)}.mjs`]);
  });

  it('[B47] no Node: node_missing', async () => {
    await expect(connectTo(transportOf(shared, { node: 'no-such-node' }), hostOf(shared))).rejects.toMatchObject({
      code: 'node_missing',
      hint: expect.stringContaining('ssh.node'),
    });
  });

  it('[B47] a Node that is too old: node_too_old', async () => {
    const node = join(directory, 'old-node');
    writeFileSync(node, '#!/bin/sh\necho scap-bootstrap old-node v12.0.0\n');
    chmodSync(node, 0o755);
    await expect(connectTo(transportOf(shared, { node }), hostOf(shared))).rejects.toMatchObject({
      code: 'node_too_old',
      message: expect.stringContaining('v12.0.0'),
      hint: expect.any(String),
    });
  });

  it('[B45] a login shell that talks, and does not end its line, is heard as noise', async () => {
    const { fleet, host } = await serve('ForceCommand echo Welcome; printf "now "; eval "$SSH_ORIGINAL_COMMAND"');
    const noise: string[] = [];
    const connection = await connectTo(transportOf(fleet), host, { onNoise: (line) => noise.push(line) });
    expect(await echo(connection)).toBe('here');
    expect(noise).toContain('Welcome');
    const { stdin, stdout, ended } = await connection.execute(['cat']);
    stdin.end('and back');
    expect(String((await stdout.toArray())[0])).toBe('and back');
    await ended;
  });
});

describe('ssh: what is left on a host', () => {
  it('[B35] nothing of an agent that was stopped, with a child, when a request ran out of time', async () => {
    const connection = await connectTo(transportOf(shared), hostOf(shared));
    await connection.request('child', {}, { timeoutMs: 10_000 });
    process.kill(connection.hello.pid, 'SIGSTOP');
    const late = connection.request('wait', {}, { timeoutMs: 200 });
    await expect(late).rejects.toMatchObject({ code: 'request_timeout' });
    // As a run does that ends at once.
    await connection.close();
    await until(() => processesNaming(`${directory}/`).length === 0, 'the agent and its child to be gone', 5000);
  });

  it('[B35] nothing of an agent that was killed, with a child', async () => {
    const connection = await connectTo(transportOf(shared), hostOf(shared));
    await connection.request('child', {}, { timeoutMs: 10_000 });
    process.kill(connection.hello.pid, 'SIGKILL');
    await until(() => processesNaming(`${directory}/`).length === 0, 'its child to be gone', 5000);
    expect(connection.usable).toBe(false);
  });
});

describe('ssh: host keys', () => {
  const keyOf = (host: FleetHost) =>
    readFileSync(`${host.root}/host_key.pub`, 'utf8').trim().split(' ').slice(0, 2).join(' ');
  const placeOf = ({ address, port }: FleetHost) => `[${address}]:${port}`;
  const knownAs = (text: string) => {
    const file = join(directory, 'known_hosts');
    writeFileSync(file, text);
    return { knownHosts: [file] };
  };

  it.each<[string, (host: FleetHost, other: FleetHost) => string, string]>([
    ['unknown', () => '', 'host_key_unknown'],
    ['known for another port', (host) => `${host.address} ${keyOf(host)}\n`, 'host_key_unknown'],
    ['changed', (host, other) => `${placeOf(host)} ${keyOf(other)}\n`, 'host_key_changed'],
    [
      'revoked, though known',
      (host) => `${placeOf(host)} ${keyOf(host)}\n@revoked * ${keyOf(host)}\n`,
      'host_key_refused',
    ],
    ['known by its authority only', (host) => `@cert-authority * ${keyOf(host)}\n`, 'host_key_refused'],
  ])('[B48] %s: refused before the login, and nothing is recorded', async (_what, text, code) => {
    const host = hostOf(shared);
    const known = knownAs(text(host, hostOf(shared, 1)));
    const before = readFileSync(host.log, 'utf8').match(/Accepted publickey/g)?.length ?? 0;
    const written = readFileSync(join(directory, 'known_hosts'), 'utf8');
    await expect(connectTo(transportOf(shared, known), host)).rejects.toMatchObject({ code, hint: expect.any(String) });
    expect(readFileSync(host.log, 'utf8').match(/Accepted publickey/g)?.length ?? 0).toBe(before);
    expect(readFileSync(join(directory, 'known_hosts'), 'utf8')).toBe(written);
  });

  it('[B48] in a hashed file: known', async () => {
    const host = hostOf(shared);
    const known = knownAs(`${placeOf(host)} ${keyOf(host)}\n`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', join(directory, 'known_hosts')], { stdio: 'ignore' });
    expect(readFileSync(join(directory, 'known_hosts'), 'utf8')).toMatch(/^\|1\|/);
    expect(await echo(await connectTo(transportOf(shared, known), host))).toBe('here');
  });

  it('[B48] of several types, with only the last one recorded: known', async () => {
    const rsa = keygen(join(temporaryBase, `rsa-${Date.now()}`), '-t', 'rsa', '-b', '2048');
    const { fleet, host } = await serve(`HostKey ${rsa}`);
    const [type, key] = readFileSync(`${rsa}.pub`, 'utf8').split(' ');
    const known = knownAs(`${placeOf(host)} ${type} ${key?.trim()}\n`);
    expect(await echo(await connectTo(transportOf(fleet, known), host))).toBe('here');
  });
});

describe('ssh: logging in', () => {
  it('[B48] with a key nobody knows: auth_refused', async () => {
    const identityFiles = [keygen(join(directory, 'other'), '-t', 'ed25519')];
    await expect(connectTo(transportOf(shared, { identityFiles }), hostOf(shared))).rejects.toMatchObject({
      code: 'auth_refused',
      message: expect.stringContaining('the one key offered was not accepted'),
    });
  });

  it('with an encrypted key: refused without its passphrase, let in with it', async () => {
    const file = join(directory, 'locked');
    writeFileSync(file, readFileSync(`${shared.directory}/${keyName}`), { mode: 0o600 });
    execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'open sesame', '-f', file]);
    const identityFiles = [file];
    const attempt = (passphrase?: string) =>
      connectTo(
        transportOf(shared, { identityFiles, ...(passphrase !== undefined && { passphrase }) }),
        hostOf(shared),
      );
    await expect(attempt()).rejects.toMatchObject({
      code: 'auth_refused',
      message: expect.stringContaining('it is encrypted'),
    });
    await expect(attempt('wrong')).rejects.toMatchObject({
      code: 'auth_refused',
      message: expect.stringContaining('SCAP_SSH_PASSPHRASE is not its own'),
    });
    expect(await echo(await attempt('open sesame'))).toBe('here');
  });

  describe('with an agent that holds eight keys, the right one last', () => {
    let agent: ReturnType<typeof spawn>;
    let socket: string;
    const before = process.env.SSH_AUTH_SOCK;

    beforeEach(async () => {
      socket = join(directory, 'agent.sock');
      agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
      await once(agent.stdout as NodeJS.ReadableStream, 'data');
      const files = Array.from({ length: 7 }, (_, at) => keygen(join(directory, `key${at}`), '-t', 'ed25519'));
      for (const file of [...files, `${shared.directory}/${keyName}`])
        execFileSync('ssh-add', ['-q', file], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: 'ignore' });
      process.env.SSH_AUTH_SOCK = socket;
    });

    afterEach(() => {
      if (before === undefined) delete process.env.SSH_AUTH_SOCK;
      else process.env.SSH_AUTH_SOCK = before;
      agent.kill('SIGKILL');
    });

    it('identityFile selects it by its public half alone', async () => {
      const file = join(directory, 'public-half');
      writeFileSync(`${file}.pub`, readFileSync(`${shared.directory}/${keyName}.pub`));
      expect(await echo(await connectTo(transportOf(shared, { identityFiles: [file] }), hostOf(shared)))).toBe('here');
    });

    it.each([
      ['the default', []],
      ['less than we offer', ['MaxAuthTries 3']],
    ])(
      '[B48] without identityFile, where the server allows %s: auth_refused, and what was left out',
      async (_what, lines) => {
        const { fleet, host } = await serve(...lines);
        const configFile = join(directory, 'config');
        writeFileSync(configFile, `IdentityFile ${directory}/none\n`);
        // Whoever tries all eight gets in at the first, or is thrown out: we stop in time.
        const error = connectTo(transportOf(fleet, { identityFiles: [], configFile }), host);
        await expect(error).rejects.toMatchObject({
          code: 'auth_refused',
          message: expect.stringMatching(/none of 5 keys was accepted; not used: 3 more, .*"ssh\.identityFile"/),
        });
      },
    );
  });
});

describe('ssh: the way there', () => {
  it('[B48] a name nobody knows: name_unknown', async () => {
    const nowhere = { name: 'mw1', address: 'mw1.invalid', port: 22, user: 'root' };
    await expect(connectTo(transportOf(shared), nowhere)).rejects.toMatchObject({ code: 'name_unknown' });
  });

  it('[B48] a server that takes few at once lets all in', async () => {
    const { fleet, host } = await serve('MaxStartups 2:100:3');
    const transport = transportOf(fleet, { maxStarts: 3, connectTimeoutMs: 20_000 });
    const all = Array.from({ length: 20 }, () => connectTo(transport, host, { timeoutMs: 30_000 }));
    expect(await Promise.all((await Promise.all(all)).map(echo))).toEqual(Array(20).fill('here'));
  });

  it('ProxyJump: through the jump host', async () => {
    const { fleet, host: jump } = await serve('LogLevel DEBUG1');
    const [target] = [hostOf(shared)];
    const proxyJump = `${jump.user}@${jump.address}:${jump.port}`;
    const files = [shared, fleet].map((one) => one.directory);
    const transport = transportOf(shared, {
      proxyJump,
      identityFiles: files.map((one) => `${one}/${keyName}`),
      knownHosts: files.map((one) => `${one}/known_hosts`),
    });
    expect(await echo(await connectTo(transport, target))).toBe('here');
    expect(readFileSync(jump.log, 'utf8')).toMatch(new RegExp(`target ${target.address} port ${target.port}`));
  });

  it('a jump host with an unknown key: the error names it', async () => {
    const { host: jump } = await serve();
    const transport = transportOf(shared, { proxyJump: `${jump.user}@${jump.address}:${jump.port}` });
    await expect(connectTo(transport, hostOf(shared, 1))).rejects.toMatchObject({
      code: 'host_key_unknown',
      message: expect.stringContaining(`Cannot reach mw2 through ${jump.address}: Refused to talk to ${jump.address}`),
    });
  });

  it('the SSH client configuration says where, who and with what, through Include and Match', async () => {
    const { address, port, user } = hostOf(shared, 1);
    const configFile = join(directory, 'config');
    writeFileSync(join(directory, 'more'), `Host web*\n  HostName ${address}\n  Port ${port}\n`);
    writeFileSync(
      configFile,
      [
        `Include ${directory}/more`,
        `Match originalhost web1 exec "test 1 = 1"`,
        `  User ${user}`,
        `  IdentityFile ${shared.directory}/${keyName}`,
        `  UserKnownHostsFile ${shared.directory}/known_hosts`,
        '',
      ].join('\n'),
    );
    const transport = transportOf(shared, { configFile, identityFiles: [], knownHosts: [] });
    const endpoint = { name: 'web1' as HostName, cache: join(directory, 'cache'), live: join(directory, 'good') };
    const connection = await transport.connect(endpoint, { timeoutMs: 10_000 });
    open.push(connection);
    expect(await echo(connection)).toBe('here');
  });
});
