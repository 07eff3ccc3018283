import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect as connectTcp, createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import { connect, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { RelayServerOptions } from '../../../../src/target/relay/relay-server.ts';
import { childTlsOptions } from '../../../../src/target/relay/relay-tls.ts';
import type { RelayTicket } from '../../../../src/target/relay/ticket.ts';
import { nameOf, randomContent, testPorts, until, useRelayWorld } from '../../../support/relay-world.ts';

const world = useRelayWorld();
const ttlMs = 60_000;
const content = randomContent(100_000);
const name = nameOf(content);
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

async function sourceWithTicket(options: Partial<RelayServerOptions> = {}) {
  const source = world.source(options);
  const blob = await world.whole(content);
  return { ...source, blob, ticket: await source.server.grant(blob, { child: 'c', ttlMs }) };
}

/** That nothing was kept by the child, and that the ticket still works for the one it is for. */
async function expectHarmless({ ticket }: { ticket: RelayTicket }): Promise<void> {
  const blob = await world.incoming(name);
  await world.take(blob, [ticket]);
  expect(blob.verdict).toBe('whole');
}

async function refusalOf(ticket: RelayTicket, wanted = name) {
  const blob = await world.incoming(wanted);
  const error = await world.take(blob, [ticket], { limits: { greetingMs: 2000, silenceMs: 300 } }).then(
    () => expect.fail('taken'),
    (reason: unknown) => reason,
  );
  expect(blob.availableBytes).toBe(0);
  return error;
}

/** Shows the key, sends what it likes, and returns what came. */
async function speak(ticket: RelayTicket, ...pieces: (string | Buffer)[]): Promise<string> {
  const socket = connect(childTlsOptions(ticket));
  const heard: Buffer[] = [];
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => heard.push(chunk));
  socket.on('end', () => socket.end());
  await once(socket, 'secureConnect');
  for (const piece of pieces) socket.write(piece);
  await once(socket, 'close');
  return Buffer.concat(heard).toString('latin1');
}

describe('a source', () => {
  it.each([
    ['a wrong key', (ticket: RelayTicket) => ({ ...ticket, key: 'ab'.repeat(32) })],
    ['an unknown identity', (ticket: RelayTicket) => ({ ...ticket, identity: 'ab'.repeat(16) })],
  ])('refuses %s, and the right one still works', async (_what, change) => {
    const source = await sourceWithTicket();
    expect(await refusalOf(change(source.ticket))).toMatchObject({
      code: 'source_refused',
      message: expect.stringMatching(
        /from 127\.0\.0\.1:\d+: it does not accept the key, which is wrong, used or too old$/,
      ),
    });
    expect(source.refused).toMatchObject([{ reason: 'handshake_failed', address: '127.0.0.1' }]);
    await expectHarmless(source);
  });

  it('refuses the second use of a key', async () => {
    const source = await sourceWithTicket();
    await expectHarmless(source);
    await source.server.grant(source.blob, { child: 'keeps it listening', ttlMs });
    expect(await refusalOf(source.ticket)).toMatchObject({ code: 'source_refused' });
  });

  it('lets one of two in who use a key at the same time', async () => {
    const source = await sourceWithTicket();
    const answers = await Promise.all([1, 2, 3].map(() => speakSafely(source.ticket)));
    expect(answers.filter((answer) => answer.startsWith('ok 100000\n'))).toHaveLength(1);
  });

  it('refuses a session that was resumed instead of a key', async () => {
    const source = await sourceWithTicket();
    await source.server.grant(source.blob, { child: 'keeps it listening', ttlMs });
    const socket = connect(childTlsOptions(source.ticket));
    const sessions: Buffer[] = [];
    socket.on('session', (session: Buffer) => sessions.push(session));
    socket.on('error', () => {});
    socket.write(`scap-relay 1 ${name.sha256} 0\n`);
    for await (const _ of socket);
    expect(sessions.length).toBeGreaterThan(0);
    for (const session of sessions) {
      const { pskCallback: _key, ...options } = childTlsOptions(source.ticket);
      const again = connect({ ...options, session });
      const heard: Buffer[] = [];
      again.on('error', () => {});
      again.on('data', (chunk: Buffer) => heard.push(chunk));
      again.write(`scap-relay 1 ${name.sha256} 0\n`);
      await new Promise((resolve) => again.once('close', resolve));
      expect(heard).toEqual([]);
    }
    expect(source.served).toHaveLength(1);
  });

  it('refuses a key that is too old or was revoked, and stops listening with the last one', async () => {
    const source = world.source();
    const blob = await world.whole(content);
    const old = await source.server.grant(blob, { child: 'c', ttlMs: 1 });
    await eventuallyRefusesConnections(old);
    const revoked = await source.server.grant(blob, { child: 'c', ttlMs });
    source.server.revoke(revoked.identity);
    await eventuallyRefusesConnections(revoked);
    expect(await refusalOf(revoked)).toMatchObject({
      code: 'source_lost',
      message: expect.stringMatching(/nothing listens/),
    });
  });

  it('refuses a key that is for another blob, which uses it up', async () => {
    const source = await sourceWithTicket();
    expect(await refusalOf(source.ticket, nameOf(randomContent(5)))).toMatchObject({
      code: 'source_refused',
      message: expect.stringMatching(/the key is for another blob$/),
    });
    expect(source.refused).toMatchObject([{ reason: 'wrong_blob', child: 'c' }]);
    await eventuallyRefusesConnections(source.ticket);
  });

  it.each([
    ['an offset behind the end', `scap-relay 1 ${name.sha256} 100001\n`, 'no bad_offset\n'],
    ['another version', `scap-relay 2 ${name.sha256} 0\n`, 'no bad_request\n'],
    ['a negative offset', `scap-relay 1 ${name.sha256} -1\n`, 'no bad_request\n'],
    ['a path', 'scap-relay 1 ../../../../etc/passwd 0\n', 'no bad_request\n'],
    ['a line that does not end', 'x'.repeat(161), 'no bad_request\n'],
    ['bytes that mean nothing', Buffer.from([0, 255, 10, 10]), 'no bad_request\n'],
  ])('refuses %s', async (_what, request, answer) => {
    const source = await sourceWithTicket();
    expect(await speak(source.ticket, request)).toBe(answer);
    expect(source.served).toEqual([]);
  });

  it('takes a request in pieces, and hangs up on a child that goes on talking', async () => {
    const source = world.source();
    const blob = await world.incoming(name);
    const ticket = await source.server.grant(blob, { child: 'c', ttlMs });
    const socket = await greeted(ticket);
    socket.write('scap-relay 1 ');
    socket.write(`${name.sha256} 0\n`);
    const [reply] = await once(socket, 'data');
    expect(String(reply)).toBe('ok 100000\n');
    socket.write('more');
    await once(socket, 'close');
    await until(() => source.served.length === 1);
    expect(source.served).toMatchObject([{ servedBytes: 0, outcome: 'lost' }]);
  });

  it('hangs up on bytes that are no TLS, and on who says nothing, before or after the handshake', async () => {
    const source = await sourceWithTicket({ limits: { greetingMs: 100 } });
    const other = await source.server.grant(source.blob, { child: 'silent', ttlMs });
    const garbage = connectTcp(source.ticket.port, '127.0.0.1');
    garbage.on('error', () => {});
    garbage.write('GET / HTTP/1.1\r\n\r\n');
    await once(garbage, 'close');
    const silent = connectTcp(source.ticket.port, '127.0.0.1');
    await once(silent, 'close');
    expect(await speak(other)).toBe('no bad_request\n');
    expect(source.refused.map(({ reason }) => reason)).toEqual(['handshake_failed', 'too_slow', 'bad_request']);
    await expectHarmless(source);
  });

  it('hangs up on strangers that are too many, and is there again when they are gone', async () => {
    const source = await sourceWithTicket();
    const strangers = await Promise.all(
      Array.from({ length: 64 }, async () => {
        const socket = connectTcp(source.ticket.port, '127.0.0.1');
        socket.on('error', () => {});
        await once(socket, 'connect');
        return socket;
      }),
    );
    const tooMany = connectTcp(source.ticket.port, '127.0.0.1');
    tooMany.on('error', () => {});
    tooMany.resume();
    await new Promise((resolve) => tooMany.once('close', resolve));
    expect(source.refused).toMatchObject([{ reason: 'too_many', address: '127.0.0.1' }]);
    for (const socket of strangers) socket.destroy();
    // An attempt that does not come through leaves the ticket as it is.
    const blob = await world.incoming(name);
    await world.take(
      blob,
      Array.from({ length: 1000 }, () => source.ticket),
    );
    expect(blob.verdict).toBe('whole');
  });

  it('hangs up on a child that takes nothing', async () => {
    const source = world.source({ limits: { stallMs: 100 } });
    const large = randomContent(32 * 1024 * 1024);
    const ticket = await source.server.grant(await world.whole(large), { child: 'c', ttlMs });
    const socket = await greeted(ticket);
    socket.pause();
    socket.write(`scap-relay 1 ${nameOf(large).sha256} 0\n`);
    await until(() => source.served.length === 1);
    expect(source.served[0]?.outcome).toBe('lost');
    expect(source.served[0]?.servedBytes).toBeLessThan(large.length);
    socket.destroy();
  });

  it('ends with everything it has', async () => {
    const source = await sourceWithTicket();
    const waiting = await world.incoming(nameOf(randomContent(9)));
    const child = await greeted(await source.server.grant(waiting, { child: 'c', ttlMs }));
    child.write(`scap-relay 1 ${waiting.name.sha256} 0\n`);
    await once(child, 'data');
    const stranger = connectTcp(source.ticket.port, '127.0.0.1');
    stranger.on('error', () => {});
    await once(stranger, 'connect');
    const closed = Promise.all([child, stranger].map((socket) => once(socket, 'close')));
    await source.server.close();
    await closed;
    await eventuallyRefusesConnections(source.ticket);
    await expect(source.server.grant(waiting, { child: 'c', ttlMs })).rejects.toMatchObject({
      code: 'relay_unavailable',
    });
  });
});

describe('the ports of a source', () => {
  it('takes the next when one is taken, and says so when all are', async () => {
    const first = testPorts.last - 1;
    const ports = { first, last: testPorts.last };
    await occupy(first);
    const source = await sourceWithTicket({ ports });
    expect(source.ticket.port).toBe(testPorts.last);
    const another = world.source({ ports });
    await expect(another.server.grant(source.blob, { child: 'c', ttlMs })).rejects.toMatchObject({
      code: 'relay_unavailable',
      message: `Cannot serve other hosts from 127.0.0.1: all of its ports ${first}-${testPorts.last} are taken`,
      hint: expect.stringMatching(/fanout\.ports/),
    });
    await source.server.close();
    expect((await another.server.grant(source.blob, { child: 'c', ttlMs })).port).toBe(testPorts.last);
  });

  it('says when the address is not one of this host', async () => {
    const source = world.source({ address: '192.0.2.1' });
    const blob = await world.whole(content);
    await expect(source.server.grant(blob, { child: 'c', ttlMs })).rejects.toMatchObject({
      code: 'relay_unavailable',
      message: expect.stringMatching(/no address of this host$/),
    });
  });
});

describe('a child', () => {
  it.each([
    ['a reply that is none', 'hello\n', 'protocol_violation'],
    ['a reply that does not end', 'o'.repeat(200), 'protocol_violation'],
    ['another size', 'ok 99999\n', 'source_refused'],
    ['a frame of no known kind', 'ok 100000\n\x09\0\0\0\0', 'protocol_violation'],
    ['a frame of 4 GiB', 'ok 100000\n\x01\xff\xff\xff\xff', 'protocol_violation'],
    ['an end that is none', 'ok 100000\n\x03\0\0\0\0', 'protocol_violation'],
    ['silence after the reply', 'ok 100000\n', 'source_lost'],
  ])('refuses %s', async (_what, bytes, code) => {
    const ticket = await falseSource((socket) => void socket.write(bytes, 'latin1'));
    expect(await refusalOf(ticket)).toMatchObject({ code });
  });

  it('refuses more bytes than the blob has', async () => {
    const small = nameOf(Buffer.from('0123456789'));
    const ticket = await falseSource((socket) => void socket.write('ok 10\n\x01\0\0\0\x0b01234567890', 'latin1'));
    expect(await refusalOf(ticket, small)).toMatchObject({ code: 'protocol_violation' });
  });

  it('deletes everything when the source says that its bytes are damaged', async () => {
    const ticket = await falseSource(
      (socket) => void socket.write('ok 100000\n\x01\0\0\0\x02ab\x04\0\0\0\0', 'latin1'),
    );
    const blob = await world.incoming(name);
    await expect(world.take(blob, [ticket])).rejects.toMatchObject({ code: 'blob_damaged' });
    expect(blob.verdict).toBe('damaged');
    expect(readdirSync(dirname(blob.path))).toEqual([]);
  });

  it('refuses a source that has the port and not the key', async () => {
    const ticket = await falseSource(() => {}, { psk: 'cd'.repeat(32) });
    expect(await refusalOf(ticket)).toMatchObject({ code: 'source_refused' });
  });

  it('gives up a source that does not answer at all', async () => {
    const server = createServer((socket) => void socket.resume());
    servers.push(server);
    const ticket = { ...someSecret(), address: '127.0.0.1', port: await listenOn(server, 0) };
    const blob = await world.incoming(name);
    const error = await world.take(blob, [ticket], { limits: { greetingMs: 100 } }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'source_lost', message: expect.stringMatching(/nothing came for 100 ms$/) });
  });

  it('waits for a source that waits itself, as long as it says so', async () => {
    const source = world.source({ limits: { aliveEveryMs: 10 } });
    const root = await world.incoming(name);
    const child = await world.incoming(name);
    const ticket = await source.server.grant(root, { child: 'c', ttlMs });
    const taking = world.take(child, [ticket], { limits: { silenceMs: 500 } });
    await new Promise((resolve) => setTimeout(resolve, 1200));
    await root.append(content);
    expect((await taking).receivedBytes).toBe(content.length);
  });

  it('stops on request and keeps what it has', async () => {
    const source = world.source();
    const root = await world.incoming(name);
    const child = await world.incoming(name);
    const stop = new AbortController();
    const ticket = await source.server.grant(root, { child: 'c', ttlMs });
    const taking = world.take(child, [ticket], { signal: stop.signal });
    await root.append(content.subarray(0, 10));
    await until(() => child.availableBytes === 10);
    stop.abort();
    await expect(taking).rejects.toMatchObject({ code: 'interrupted', data: { availableBytes: 10 } });
    expect(child.verdict).toBeUndefined();
  });
});

async function greeted(ticket: RelayTicket): Promise<TLSSocket> {
  const socket = connect(childTlsOptions(ticket));
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

/** As `speak`, asking for the blob; empty when turned away in the handshake. */
function speakSafely(ticket: RelayTicket): Promise<string> {
  return speak(ticket, `scap-relay 1 ${name.sha256} 0\n`).catch(() => '');
}

async function eventuallyRefusesConnections({ port }: RelayTicket): Promise<void> {
  for (;;) {
    const socket = connectTcp(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (!isOpen) return;
  }
}

function someSecret() {
  return { identity: '12'.repeat(16), key: '34'.repeat(32) };
}

/** A source that knows the key and answers a request with whatever it likes. */
async function falseSource(answer: (socket: TLSSocket) => void, { psk }: { psk?: string } = {}): Promise<RelayTicket> {
  const secret = someSecret();
  const sockets = new Set<TLSSocket>();
  const server = createTlsServer({
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
    pskCallback: () => Buffer.from(psk ?? secret.key, 'hex'),
  });
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => answer(socket));
  });
  servers.push(server);
  return { ...secret, address: '127.0.0.1', port: await listenOn(server, 0) };
}

async function occupy(port: number): Promise<void> {
  const server = createServer();
  servers.push(server);
  await listenOn(server, port);
}

async function listenOn(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
