// What a real SSH server cannot be made to do: hang up, fall silent and talk nonsense at a chosen moment. Every wait must end.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostName } from '../../src/core/host-name.ts';
import type { Connection, ConnectOptions } from '../../src/transport/connection.ts';
import type { SshSettings } from '../../src/transport/ssh/settings.ts';
import { createSshTransport } from '../../src/transport/ssh/ssh.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { type EmbeddedSshd, type EmbeddedSshdOptions, startEmbeddedSshd } from '../support/embedded-sshd.ts';
import { processesNaming, temporaryDirectory, until } from '../support/operator.ts';
import { sshSettings } from '../support/ssh-settings.ts';

const fakeAgent = fileURLToPath(new URL('../support/fake-agent.mjs', import.meta.url));

let directory: string;
const servers: EmbeddedSshd[] = [];
const open: Connection[] = [];

beforeEach(() => {
  directory = temporaryDirectory('scap-ssh-');
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()));
  for (const server of servers.splice(0)) await server.stop();
  await until(() => processesNaming(directory).length === 0, 'every agent to be gone');
});

async function serve(options: Partial<EmbeddedSshdOptions> = {}): Promise<EmbeddedSshd> {
  const server = await startEmbeddedSshd({ directory, ...options });
  servers.push(server);
  return server;
}

function transportTo({ knownHosts, identityFile }: EmbeddedSshd, more: Partial<SshSettings> = {}): Transport {
  return createSshTransport({
    agentPath: fakeAgent,
    settings: sshSettings({
      knownHosts: [knownHosts],
      identityFiles: [identityFile],
      connectTimeoutMs: 10_000,
      node: process.execPath,
      ...more,
    }),
  });
}

type Where = Pick<EmbeddedSshd, 'port'>;

async function connectTo(
  transport: Transport,
  { port }: Where,
  { live = 'good', ...options }: Partial<ConnectOptions> & { readonly live?: string } = {},
): Promise<Connection> {
  const endpoint = {
    name: 'mw1' as HostName,
    cache: join(directory, 'cache'),
    live: join(directory, live),
    address: '127.0.0.1',
    port,
    user: 'mwdeploy',
  };
  const connection = await transport.connect(endpoint, { timeoutMs: 10_000, ...options });
  open.push(connection);
  return connection;
}

const allClosed = (server: EmbeddedSshd) => until(() => server.sockets.size === 0, 'every socket to be closed');

/** What it came to, and that it did not take long. */
async function failureOf(work: Promise<unknown>, withinMs = 8000) {
  const startedAt = Date.now();
  const error = await work.then(
    () => expect.unreachable('it worked'),
    (thrown: unknown) => thrown,
  );
  expect(Date.now() - startedAt).toBeLessThan(withinMs);
  return error;
}

describe('ssh: a server that hangs up before the session', () => {
  const ways: [string, (socket: Socket) => void][] = [
    ['at once', (socket) => socket.destroy()],
    ['with a reset', (socket) => socket.resetAndDestroy()],
    ['after its banner', (socket) => socket.end('SSH-2.0-Tired\r\n')],
  ];

  it.each(ways)('[B48] %s, twice: the third attempt is let through', async (_when, hangUp) => {
    const server = await serve({
      onSocket: (socket, count) => {
        if (count < 3) hangUp(socket);
        return count < 3;
      },
    });
    const connection = await connectTo(transportTo(server), server);
    expect(await connection.request('echo', 1, { timeoutMs: 10_000 })).toBe(1);
    expect(server.connectionCount).toBe(3);
  });

  it('[B48] always: handshake_lost, after three more attempts', async () => {
    const server = await serve({
      onSocket: (socket) => {
        socket.end('SSH-2.0-Tired\r\n');
        return true;
      },
    });
    expect(await failureOf(connectTo(transportTo(server), server), 15_000)).toMatchObject({ code: 'handshake_lost' });
    expect(server.connectionCount).toBe(4);
    await allClosed(server);
  });
});

describe('ssh: a server that does not answer', () => {
  it('[B48] after accepting: connect_timeout, and no socket stays', async () => {
    const server = await serve({ onSocket: () => true });
    const transport = transportTo(server, { connectTimeoutMs: 300 });
    expect(await failureOf(connectTo(transport, server), 5000)).toMatchObject({
      code: 'connect_timeout',
      message: `Cannot reach mw1: no answer from 127.0.0.1 port ${server.port} after 300 ms`,
    });
    await allClosed(server);
  });

  it.each<[string, Partial<EmbeddedSshdOptions>]>([
    ['to a login', { onAuthentication: () => {} }],
    ['to a session', { onSession: () => undefined }],
    ['to a command', { onExec: () => {} }],
    ['in its shell', { onExec: (accept) => void accept() }],
  ])('[B48] %s: connect_timeout, and no socket stays', async (_what, options) => {
    const server = await serve(options);
    const transport = transportTo(server, { connectTimeoutMs: 500 });
    expect(await failureOf(connectTo(transport, server, { timeoutMs: 300 }))).toMatchObject({
      code: 'connect_timeout',
    });
    await allClosed(server);
  });
});

describe('ssh: a server that talks nonsense', () => {
  it.each<[string, Buffer, boolean]>([
    ['a web server that hangs up', Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'), true],
    ['a web server that waits', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), false],
    ['bytes without a line', Buffer.alloc(100_000, 0xa5), false],
    ['a banner, then bytes', Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), Buffer.alloc(50_000, 0xff)]), false],
    ['SSH 1', Buffer.from('SSH-1.5-old\r\n'), false],
  ])('%s is an error, in time', async (_what, bytes, hangsUp) => {
    const server = await serve({
      onSocket: (socket) => {
        if (hangsUp) socket.end(bytes);
        else socket.write(bytes);
        return true;
      },
    });
    const transport = transportTo(server, { connectTimeoutMs: 500 });
    const error = await failureOf(connectTo(transport, server), 15_000);
    expect(error).toMatchObject({ name: 'ScapError', message: expect.stringContaining('Cannot reach mw1: ') });
    await allClosed(server);
  });

  it('bytes after hello that are no packet: connection_lost', async () => {
    const server = await serve();
    const connection = await connectTo(transportTo(server), server);
    const waiting = failureOf(connection.request('wait', {}, { timeoutMs: 30_000 }));
    for (const socket of server.sockets) socket.write(randomBytes(400));
    expect(await waiting).toMatchObject({ code: 'connection_lost' });
    await allClosed(server);
  });
});

describe('ssh: a host that asks for the agent', () => {
  it('again and again gets it once', async () => {
    let receivedBytes = 0;
    const server = await serve({
      onExec: (accept) => {
        const channel = accept();
        channel.on('error', () => {});
        channel.on('data', (chunk: Buffer) => {
          receivedBytes += chunk.length;
        });
        channel.write('scap-bootstrap send\n'.repeat(20));
      },
    });
    const noise: string[] = [];
    const late = connectTo(transportTo(server), server, { timeoutMs: 500, onNoise: (line) => noise.push(line) });
    expect(await failureOf(late)).toMatchObject({ code: 'connect_timeout' });
    expect(receivedBytes).toBe(statSync(fakeAgent).size);
    expect(noise).toHaveLength(19);
    await allClosed(server);
  });

  it("into a directory that is somebody else's is refused", async () => {
    const server = await serve({
      onExec: (accept) => void accept().write('scap-bootstrap not-own /home/x/.cache/scap\n'),
    });
    expect(await failureOf(connectTo(transportTo(server), server))).toMatchObject({
      code: 'agent_unusable',
      message: 'Cannot use mw1: "/home/x/.cache/scap", where the agent is kept, is somebody else\'s',
    });
    await allClosed(server);
  });
});

describe('ssh: a server that refuses', () => {
  it.each<[string, Partial<EmbeddedSshdOptions>, string]>([
    ['a session', { onSession: (_accept, reject) => void reject() }, 'Channel open failure'],
    ['a command', { onExec: (_accept, reject) => reject() }, 'Unable to exec'],
  ])('%s: target_unreachable, and no socket stays', async (_what, options, words) => {
    const server = await serve(options);
    expect(await failureOf(connectTo(transportTo(server), server))).toMatchObject({
      code: 'target_unreachable',
      message: expect.stringMatching(new RegExp(`^Cannot reach mw1: .*${words}`)),
    });
    await allClosed(server);
  });
});

describe('ssh: a connection that breaks', () => {
  const breaks: [string, (socket: Socket) => void][] = [
    ['is closed', (socket) => socket.destroy()],
    ['is reset', (socket) => socket.resetAndDestroy()],
    ['is half closed', (socket) => socket.end()],
  ];

  it.each(breaks)('[B35] while requests wait, and %s: all are told', async (_how, breakIt) => {
    const server = await serve();
    const connection = await connectTo(transportTo(server), server);
    const waiting = [1, 2, 3].map(() => failureOf(connection.request('wait', {}, { timeoutMs: 30_000 })));
    for (const socket of server.sockets) breakIt(socket);
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'connection_lost' });
    expect(connection.usable).toBe(false);
    await allClosed(server);
  });

  it.each(breaks)('[B16] within a payload, and %s: connection_lost', async (_how, breakIt) => {
    const server = await serve();
    const connection = await connectTo(transportTo(server), server);
    const endless = Readable.from(
      (async function* () {
        for (let sent = 0; ; sent++) {
          if (sent === 5) for (const socket of server.sockets) breakIt(socket);
          await new Promise((resolve) => setTimeout(resolve, 5));
          yield Buffer.alloc(100_000);
        }
      })(),
    );
    const sending = connection.request(
      'swallow',
      {},
      { timeoutMs: 30_000, payload: { sizeBytes: 1e12, open: () => endless } },
    );
    expect(await failureOf(sending)).toMatchObject({ code: 'connection_lost' });
    await until(() => endless.destroyed, 'the source to be closed');
    await allClosed(server);
  });

  it('[B35] a host that freezes is noticed within four keep-alives', async () => {
    const server = await serve();
    const connection = await connectTo(transportTo(server, { keepAliveMs: 100 }), server);
    // As long as it answers, it may be as silent as it likes.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(connection.usable).toBe(true);
    const waiting = failureOf(connection.request('wait', {}, { timeoutMs: 30_000 }), 5000);
    for (const socket of server.sockets) socket.pause();
    expect(await waiting).toMatchObject({ code: 'connection_lost' });
  });

  it('close() on a host that has frozen leaves no socket', async () => {
    const server = await serve();
    const connection = await connectTo(transportTo(server), server);
    const [socket] = [...server.sockets];
    socket?.pause();
    await connection.close();
    // The other end says that nobody is there by a reset only.
    await until(() => {
      socket?.write('x');
      return server.sockets.size === 0;
    }, 'the socket to be closed');
  });

  it('a request that ran out of time on a host that has frozen leaves no socket', async () => {
    const server = await serve();
    const connection = await connectTo(transportTo(server, { keepAliveMs: 200 }), server);
    const [socket] = [...server.sockets];
    socket?.pause();
    const late = connection.request('wait', {}, { timeoutMs: 100 });
    expect(await failureOf(late)).toMatchObject({ code: 'request_timeout' });
    await until(() => {
      socket?.write('x');
      return server.sockets.size === 0;
    }, 'the socket to be closed');
  });
});

describe('ssh: many at once', () => {
  it('[B48] no more than maxStarts are being set up', async () => {
    const server = await serve();
    const transport = transportTo(server, { maxStarts: 4, connectTimeoutMs: 20_000 });
    await Promise.all(Array.from({ length: 12 }, () => connectTo(transport, server, { timeoutMs: 20_000 })));
    expect(server.connectionCount).toBe(12);
    expect(server.mostStarts).toBe(4);
  });
});

describe('ssh: stopped on request', () => {
  const phases: [string, Partial<EmbeddedSshdOptions>, string?][] = [
    ['before the banner', { onSocket: () => true }],
    ['while it waits to try again', { onSocket: (socket) => Boolean(socket.destroy()) }],
    ['during the login', { onAuthentication: () => {} }],
    ['while a session is opened', { onSession: () => undefined }],
    ['while the command is started', { onExec: () => {} }],
    ['while the shell is silent', { onExec: (accept) => void accept() }],
    ['before hello', {}, 'silent'],
  ];

  it.each(phases)('%s: interrupted at once, and no socket stays', async (_when, options, live = 'good') => {
    const server = await serve(options);
    const stop = new AbortController();
    const connecting = connectTo(transportTo(server), server, { signal: stop.signal, live, timeoutMs: 20_000 });
    const failure = failureOf(connecting);
    await until(() => server.connectionCount > 0, 'a connection');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const stoppedAt = Date.now();
    stop.abort();
    expect(await failure).toMatchObject({ code: 'interrupted' });
    expect(Date.now() - stoppedAt).toBeLessThan(3000);
    await allClosed(server);
  });

  it('before anything: no connection is made', async () => {
    const server = await serve();
    const connecting = connectTo(transportTo(server), server, { signal: AbortSignal.abort() });
    expect(await failureOf(connecting)).toMatchObject({ code: 'interrupted' });
    expect(server.connectionCount).toBe(0);
  });

  it('those that wait for their turn stop too', async () => {
    const server = await serve({ onSocket: () => true });
    const stop = new AbortController();
    const transport = transportTo(server, { maxStarts: 1 });
    const failures = [1, 2, 3].map(() => failureOf(connectTo(transport, server, { signal: stop.signal })));
    await until(() => server.connectionCount > 0, 'a connection');
    stop.abort();
    for (const error of await Promise.all(failures)) expect(error).toMatchObject({ code: 'interrupted' });
    expect(server.connectionCount).toBe(1);
    await allClosed(server);
  });
});

describe('ssh: a jump host', () => {
  const throughIt = (server: EmbeddedSshd, more: Partial<SshSettings> = {}) =>
    transportTo(server, { proxyJump: `mwdeploy@127.0.0.1:${server.port}`, connectTimeoutMs: 2000, ...more });

  it('is connected to once, by whoever goes through it', async () => {
    const jump = await serve();
    const target = await serve({ directory: temporaryDirectory('scap-ssh-') });
    const transport = throughIt(jump, {
      connectTimeoutMs: 5000,
      knownHosts: [jump.knownHosts, target.knownHosts],
    });
    const connections = await Promise.all([1, 2, 3, 4].map(() => connectTo(transport, target)));
    expect(jump.connectionCount).toBe(1);
    expect(target.connectionCount).toBe(4);
    await Promise.all(connections.map((connection) => connection.close()));
    await allClosed(jump);
    await allClosed(target);
  });

  it('that dies takes with it who went through it: connection_lost', async () => {
    const jump = await serve();
    const target = await serve({ directory: temporaryDirectory('scap-ssh-') });
    const transport = throughIt(jump, { knownHosts: [jump.knownHosts, target.knownHosts], connectTimeoutMs: 5000 });
    const connection = await connectTo(transport, target);
    const waiting = failureOf(connection.request('wait', {}, { timeoutMs: 30_000 }));
    for (const socket of jump.sockets) socket.destroy();
    expect(await waiting).toMatchObject({ code: 'connection_lost' });
    await allClosed(target);
  });

  it.each<[string, EmbeddedSshdOptions['onForward'], string, string]>([
    ['refuses to forward', (_accept, reject) => reject(), 'connection_refused', 'cannot reach 127.0.0.1 port 9'],
    ['never answers', () => {}, 'connect_timeout', 'no answer from 127.0.0.1 port 9 after 2000 ms'],
  ])('that %s', async (_what, onForward, code, words) => {
    const jump = await serve(onForward === undefined ? {} : { onForward });
    expect(await failureOf(connectTo(throughIt(jump), { port: 9 }))).toMatchObject({
      code,
      message: expect.stringMatching(new RegExp(`^Cannot reach mw1 through 127.0.0.1: .*${words}`)),
    });
    await allClosed(jump);
  });

  it('whose key is not known is not for scap hosts trust: it may be no host of the inventory', async () => {
    const jump = await serve();
    const failure = await failureOf(
      connectTo(throughIt(jump, { knownHosts: ['/dev/null'], connectTimeoutMs: 5000 }), { port: 9 }),
    );
    expect(failure).toMatchObject({ code: 'host_key_unknown', data: { jump: '127.0.0.1' } });
    expect(failure).toHaveProperty('hint', expect.stringContaining(`ssh-keyscan -p ${jump.port} 127.0.0.1`));
    expect(failure).not.toHaveProperty('hint', expect.stringContaining('scap hosts trust'));
    await allClosed(jump);
  });

  it('that hangs up is tried as often as any host, and no more', async () => {
    const jump = await serve({ onSocket: (socket) => Boolean(socket.destroy()) });
    expect(await failureOf(connectTo(throughIt(jump), { port: 9 }), 15_000)).toMatchObject({
      code: 'handshake_lost',
      message: expect.stringContaining('Cannot reach mw1 through 127.0.0.1: '),
    });
    expect(jump.connectionCount).toBe(4);
  });

  it('is not given up because one of those who wait for it is stopped', async () => {
    let letIn = () => {};
    const gate = new Promise<void>((resolve) => {
      letIn = resolve;
    });
    const jump = await serve({ onAuthentication: (context) => void gate.then(() => context.accept()) });
    const target = await serve({ directory: temporaryDirectory('scap-ssh-') });
    const transport = throughIt(jump, { knownHosts: [jump.knownHosts, target.knownHosts], connectTimeoutMs: 5000 });
    const stop = new AbortController();
    const first = failureOf(connectTo(transport, target, { signal: stop.signal }));
    const second = connectTo(transport, target);
    await until(() => jump.connectionCount > 0, 'a connection');
    await new Promise((resolve) => setTimeout(resolve, 200));
    stop.abort();
    expect(await first).toMatchObject({ code: 'interrupted' });
    letIn();
    const connection = await second;
    expect(await connection.request('echo', 1, { timeoutMs: 10_000 })).toBe(1);
    expect(jump.connectionCount).toBe(1);
  });
});

describe('ssh: nothing there', () => {
  it('[B48] nobody listens: connection_refused', async () => {
    const server = await serve();
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    expect(await failureOf(connectTo(transportTo(server), { port }))).toMatchObject({
      code: 'connection_refused',
      message: `Cannot reach mw1: nothing listens at 127.0.0.1 port ${port}`,
    });
  });
});
