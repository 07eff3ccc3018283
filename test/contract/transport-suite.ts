/**
 * What every transport must do, over real agents and over ones that misbehave. `local` passes it; another transport brings a
 * {@link TransportUnderTest} of its own and calls {@link describeTransport}.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ScapError } from '../../src/core/errors.ts';
import type { HostName } from '../../src/core/host-name.ts';
import type { Connection, ConnectOptions } from '../../src/transport/connection.ts';
import type { Payload } from '../../src/transport/payload.ts';
import type { Endpoint, Transport } from '../../src/transport/transport.ts';
import { processesNaming, temporaryDirectory, until } from '../support/operator.ts';

export interface TransportUnderTest {
  /** A transport that starts this program (an `.mjs` file) as the agent. */
  withAgent(path: string): Transport;
  /** The real agent, built. */
  readonly realAgent: string;
  /** One whose behaviour the endpoint's live path names; see `fake-agent.mjs`. */
  readonly fakeAgent: string;
}

export function describeTransport(name: string, { withAgent, realAgent, fakeAgent }: TransportUnderTest): void {
  let directory: string;
  const open: Connection[] = [];

  beforeEach(() => {
    directory = temporaryDirectory('scap-transport-');
  });

  // Whatever a test did, nothing it started may be left.
  afterEach(async () => {
    for (const connection of open.splice(0)) await connection.close();
    await until(() => processesNaming(directory).length === 0, 'every agent to be gone');
  });

  const endpoint = (live = 'live'): Endpoint => ({
    name: 'mw1' as HostName,
    cache: join(directory, 'cache'),
    live: join(directory, live),
  });

  const connect = async (
    transport: Transport,
    live?: string,
    options: Partial<ConnectOptions> = {},
  ): Promise<Connection> => {
    const connection = await transport.connect(endpoint(live), { timeoutMs: 10_000, ...options });
    open.push(connection);
    return connection;
  };

  const real = (options?: Partial<ConnectOptions>) => connect(withAgent(realAgent), 'live', options);
  const fake = (behaviour: string, options?: Partial<ConnectOptions>) =>
    connect(withAgent(fakeAgent), behaviour, options);
  const alive = () => processesNaming(directory);
  const gone = () => until(() => alive().length === 0, 'the agent to be gone');

  describe(`${name}: with the real agent`, () => {
    it('connect() returns when the agent has said hello, with the versions of what is there', async () => {
      const connection = await real();
      expect(connection.hello).toMatchObject({
        protocol: 1,
        pid: expect.any(Number),
        versions: { node: expect.stringMatching(/^v\d+/), git: expect.stringMatching(/^\d+\.\d+/) },
      });
      expect(connection.usable).toBe(true);
      expect(alive()).toContain(connection.hello.pid);
    });

    it('request() returns the value of the reply', async () => {
      const connection = await real();
      expect(await connection.request('probe', {}, { timeoutMs: 10_000 })).toMatchObject({
        live: { kind: 'absent' },
        complete: [],
        fence: 0,
      });
    });

    it('requests answered in turn keep their own answers', async () => {
      const connection = await real();
      const answers = await Promise.all([
        connection.request('probe', {}, { timeoutMs: 10_000 }),
        connection.request('begin', { fence: 7, reason: 'test' }, { timeoutMs: 10_000 }),
        connection.request('probe', {}, { timeoutMs: 10_000 }),
      ]);
      expect(answers).toMatchObject([{ fence: 0 }, { fence: 7 }, { fence: 7 }]);
    });

    it.each([
      ['a verb nobody knows', 'dance', {}, 'protocol_violation'],
      ['a stage before the run has begun', 'stage', { stage: 'fetch' }, 'protocol_violation'],
    ])(
      'the error of %s crosses the wire with its code; the connection stays usable',
      async (_what, verb, params, code) => {
        const connection = await real();
        await expect(connection.request(verb, params, { timeoutMs: 10_000 })).rejects.toMatchObject({
          name: 'ScapError',
          code,
        });
        expect(connection.usable).toBe(true);
        await connection.request('probe', {}, { timeoutMs: 10_000 });
      },
    );

    it('execute() starts another program beside the agent, and carries bytes both ways', async () => {
      const connection = await real();
      const { stdin, stdout, ended } = await connection.execute(['cat', '-', join(directory, "it's a file")]);
      writeFileSync(join(directory, "it's a file"), 'and the file');
      const sent = randomBytes(3_000_000);
      stdin.end(sent);
      const chunks: Buffer[] = [];
      for await (const chunk of stdout) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).equals(Buffer.concat([sent, Buffer.from('and the file')]))).toBe(true);
      await ended;
      expect(await connection.request('probe', {}, { timeoutMs: 10_000 })).toMatchObject({ fence: 0 });
    });

    it('kill() ends a program beside the agent, which goes on', async () => {
      const connection = await real();
      const program = await connection.execute(['sed', '-u', '-n', `w ${join(directory, 'seen')}`]);
      program.stdin.write('begun\n');
      await until(() => readIfThere(join(directory, 'seen')) === 'begun\n', 'the program to have begun');
      program.stdout.resume();
      program.kill();
      await program.ended;
      await until(() => alive().length === 1, 'the program to be gone');
      expect(await connection.request('probe', {}, { timeoutMs: 10_000 })).toMatchObject({ fence: 0 });
    });

    it('kill() ends a program whose output nobody reads, or whose reader is gone', async () => {
      const connection = await real();
      const [unread, unheard] = [
        await connection.execute(['yes', directory]),
        await connection.execute(['yes', directory]),
      ];
      const reader = new PassThrough();
      unheard.stdout.pipe(reader);
      await once(reader, 'data');
      reader.destroy();
      for (const program of [unread, unheard]) program.kill();
      await Promise.all([unread.ended, unheard.ended]);
      await until(() => alive().length === 1, 'both to be gone');
      expect(await connection.request('probe', {}, { timeoutMs: 10_000 })).toMatchObject({ fence: 0 });
    });

    it('execute() after the end of the connection: connection_lost', async () => {
      const connection = await real();
      await connection.close();
      await expect(connection.execute(['true'])).rejects.toMatchObject({ code: 'connection_lost' });
    });

    it('an error brings its hint and its data', async () => {
      const connection = await real();
      await connection.request('begin', { fence: 9 }, { timeoutMs: 10_000 });
      const error = (await connection
        .request('begin', { fence: 8 }, { timeoutMs: 10_000 })
        .catch((thrown: unknown) => thrown)) as ScapError;
      expect(error).toMatchObject({ code: 'fence_stale', data: { fence: 8, seen: 9 }, hint: expect.any(String) });
    });

    it.each([
      ['0 bytes', 0],
      ['1 byte', 1],
      ['more than a pipe holds', 70_000],
      ['newlines and braces', -1],
      ['several megabytes', 5_000_000],
    ])('a payload of %s arrives as it was sent, and what follows is understood', async (_what, size) => {
      const connection = await real();
      const bytes = size < 0 ? Buffer.from('{"type":"cancel","id":1}\n\n{\n'.repeat(500)) : randomBytes(size);
      await connection.request('begin', { fence: 1 }, { timeoutMs: 10_000 });
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await connection.request(
        'receive',
        { sha256, sizeBytes: bytes.length },
        { timeoutMs: 20_000, payload: payloadOf(bytes) },
      );
      expect(readFileSync(join(directory, 'cache/work', `bundle-${sha256}`)).equals(bytes)).toBe(true);
      await connection.request('probe', {}, { timeoutMs: 10_000 });
    });

    it('[B16] a payload with other bytes than announced is refused, and is not there', async () => {
      const connection = await real();
      await connection.request('begin', { fence: 1 }, { timeoutMs: 10_000 });
      const receiving = connection.request(
        'receive',
        { sha256: 'a'.repeat(64) },
        { timeoutMs: 10_000, payload: payloadOf(Buffer.from('other')) },
      );
      await expect(receiving).rejects.toMatchObject({ code: 'bundle_damaged' });
      expect(existsSync(join(directory, 'cache/work', `bundle-${'a'.repeat(64)}`))).toBe(false);
    });

    it('a payload the target refuses is read to its end: the connection stays usable', async () => {
      const connection = await real();
      const receiving = connection.request(
        'receive',
        { sha256: 'a'.repeat(64) },
        { timeoutMs: 10_000, payload: payloadOf(randomBytes(300_000)) },
      );
      await expect(receiving).rejects.toMatchObject({ code: 'protocol_violation' });
      await connection.request('probe', {}, { timeoutMs: 10_000 });
    });

    it('[B16] a source that breaks off in the middle costs the connection, not the target', async () => {
      const connection = await real();
      await connection.request('begin', { fence: 1 }, { timeoutMs: 10_000 });
      const broken = Readable.from(
        (async function* () {
          yield Buffer.alloc(1000);
          throw new Error('the disk is gone');
        })(),
      );
      const receiving = connection.request(
        'receive',
        { sha256: 'a'.repeat(64) },
        { timeoutMs: 10_000, payload: { sizeBytes: 5000, open: () => broken } },
      );
      await expect(receiving).rejects.toMatchObject({
        code: 'connection_lost',
        message: expect.stringContaining('the disk is gone'),
      });
      expect(connection.usable).toBe(false);
      await gone();
    });

    it('a cancel in the middle of a payload does not become part of it', async () => {
      const connection = await real();
      await connection.request('begin', { fence: 1 }, { timeoutMs: 10_000 });
      const bytes = randomBytes(2_000_000);
      const cancel = new AbortController();
      const slow = Readable.from(
        (async function* () {
          for (let at = 0; at < bytes.length; at += 100_000) {
            if (at === 500_000) cancel.abort();
            yield bytes.subarray(at, at + 100_000);
          }
        })(),
      );
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await connection.request(
        'receive',
        { sha256 },
        { timeoutMs: 10_000, signal: cancel.signal, payload: { sizeBytes: bytes.length, open: () => slow } },
      );
      expect(readFileSync(join(directory, 'cache/work', `bundle-${sha256}`)).equals(bytes)).toBe(true);
      await connection.request('probe', {}, { timeoutMs: 10_000 });
    });

    it('[B35] an agent that hears nothing for the time promised takes us for gone, and ends by itself', async () => {
      const connection = await real({ pingEveryMs: 600_000, leaseMs: 200 });
      await connection.request('begin', { fence: 1 }, { timeoutMs: 10_000 });
      await gone();
      await until(() => !connection.usable, 'the connection to be known as lost');
    });

    it('an idle connection is kept for longer than the time promised', async () => {
      const connection = await real({ pingEveryMs: 100, leaseMs: 1000 });
      await new Promise((resolve) => setTimeout(resolve, 3000));
      await connection.request('probe', {}, { timeoutMs: 10_000 });
    });

    it('close() lets the agent end', async () => {
      const connection = await real();
      await connection.close();
      await gone();
      expect(connection.usable).toBe(false);
      await expect(connection.request('probe', {}, { timeoutMs: 1000 })).rejects.toMatchObject({
        code: 'connection_lost',
      });
    });

    it('close() frees the target for the next', async () => {
      const first = await real();
      await first.request('begin', { fence: 1 }, { timeoutMs: 10_000 });
      await first.close();
      const second = await real();
      expect(await second.request('begin', { fence: 2 }, { timeoutMs: 15_000 })).toEqual({ fence: 2 });
    });

    it('[B23] an agent killed while a request waits: connection_lost', async () => {
      const holder = await real();
      await holder.request('begin', { fence: 1 }, { timeoutMs: 10_000 });
      const connection = await real();
      // Waits for the lock that the first holds.
      const waiting = connection.request('begin', { fence: 2 }, { timeoutMs: 30_000 });
      process.kill(connection.hello.pid, 'SIGKILL');
      await expect(waiting).rejects.toMatchObject({
        code: 'connection_lost',
        hint: expect.stringContaining('scap status'),
      });
      expect(connection.usable).toBe(false);
    });
  });

  describe(`${name}: with an agent that misbehaves`, () => {
    it('notices of a request reach who asked for it, in order, before its reply', async () => {
      const connection = await fake('good');
      const seen: unknown[] = [];
      const value = await connection.request(
        'notify',
        { count: 3 },
        { timeoutMs: 10_000, onNotice: (notice) => seen.push(notice) },
      );
      expect(seen).toEqual(
        [1, 2, 3].map((done) => ({ kind: 'progress', step: 'fake', unit: 'files', done, total: 3 })),
      );
      expect(value).toBe('told');
    });

    it('[B45] noise before, between and after the lines is told as noise and harms nothing', async () => {
      const noise: string[] = [];
      const connection = await fake('noisy', { onNoise: (line) => noise.push(line) });
      expect(await connection.request('echo', { a: 1 }, { timeoutMs: 10_000 })).toEqual({ a: 1 });
      expect(await connection.request('echo', 'again', { timeoutMs: 10_000 })).toBe('again');
      expect(noise).toEqual(
        expect.arrayContaining([
          'Welcome to mw1!',
          '',
          '{"type":"nonsense"}',
          '{not json',
          '[1,2]',
          'PHP Warning: something',
        ]),
      );
    });

    it('[B45] lines cut anywhere are put together', async () => {
      const connection = await fake('splitting');
      const text = 'ünïcode — 😀'.repeat(20);
      expect(await connection.request('echo', { text }, { timeoutMs: 10_000 })).toEqual({ text });
    });

    it('abort() asks the agent to stop and waits for its answer', async () => {
      const connection = await fake('good');
      const cancel = new AbortController();
      const waiting = connection.request('wait', {}, { timeoutMs: 10_000, signal: cancel.signal });
      cancel.abort();
      await expect(waiting).rejects.toMatchObject({ code: 'interrupted', message: 'stopped as asked' });
      expect(await connection.request('echo', 1, { timeoutMs: 10_000 })).toBe(1);
    });

    it('a request with a signal that aborted before is cancelled too', async () => {
      const connection = await fake('good');
      const waiting = connection.request('wait', {}, { timeoutMs: 5000, signal: AbortSignal.abort() });
      await expect(waiting).rejects.toMatchObject({ code: 'interrupted' });
    });

    it('[B35] no answer in time: request_timeout, and the agent is gone', async () => {
      const connection = await fake('good');
      const { pid } = connection.hello;
      await expect(connection.request('wait', {}, { timeoutMs: 200 })).rejects.toMatchObject({
        code: 'request_timeout',
        message: 'Cannot finish "wait" on mw1: no answer after 200 ms',
      });
      expect(connection.usable).toBe(false);
      await until(() => !existsSync(`/proc/${pid}`), 'the agent to be gone');
      await expect(connection.request('echo', 1, { timeoutMs: 200 })).rejects.toMatchObject({
        code: 'request_timeout',
      });
    });

    it('[B35] every request that waits is told, and none hangs', async () => {
      const connection = await fake('good');
      const waiting = Promise.allSettled([
        connection.request('wait', {}, { timeoutMs: 60_000 }),
        connection.request('wait', {}, { timeoutMs: 60_000 }),
        connection.request('die', {}, { timeoutMs: 60_000 }),
      ]);
      expect((await waiting).map((item) => item.status === 'rejected' && item.reason.code)).toEqual([
        'connection_lost',
        'connection_lost',
        'connection_lost',
      ]);
    });

    it('[B35] a child of the agent is gone with it', async () => {
      const connection = await fake('good');
      await connection.request('child', {}, { timeoutMs: 10_000 });
      expect(alive().length).toBeGreaterThan(1);
      await expect(connection.request('wait', {}, { timeoutMs: 200 })).rejects.toMatchObject({
        code: 'request_timeout',
      });
      await gone();
    });

    it.each([
      ['of another protocol', 'old', 'protocol_violation', 'its agent speaks protocol 99, this scap speaks 1'],
      ['that ends without a word', 'ending', 'target_unreachable', 'Cannot reach mw1: '],
    ])('an agent %s is refused, and gone', async (_what, behaviour, code, words) => {
      await expect(fake(behaviour)).rejects.toMatchObject({ code, message: expect.stringContaining(words) });
      await gone();
    });

    it('[B35] an agent that never says hello is given up in time, and gone', async () => {
      const startedAt = Date.now();
      await expect(fake('silent', { timeoutMs: 500 })).rejects.toMatchObject({
        code: 'target_unreachable',
        message: 'Cannot reach mw1: no answer after 500 ms',
      });
      expect(Date.now() - startedAt).toBeLessThan(5000);
      await gone();
    });

    it('connecting stops on request, also when that came before', async () => {
      const cancel = new AbortController();
      const connecting = fake('silent', { signal: cancel.signal });
      setTimeout(() => cancel.abort(), 100);
      await expect(connecting).rejects.toMatchObject({ code: 'interrupted' });
      await expect(fake('silent', { signal: AbortSignal.abort(), timeoutMs: 3000 })).rejects.toMatchObject({
        code: 'interrupted',
      });
      await gone();
    });

    it('an agent that cannot start: target_unreachable', async () => {
      const broken = join(directory, 'broken-agent.mjs');
      writeFileSync(broken, "throw new Error('nothing works here');\n");
      await expect(connect(withAgent(broken))).rejects.toMatchObject({ code: 'target_unreachable' });
      await gone();
    });

    it('an agent that ends by itself between requests is noticed', async () => {
      const connection = await fake('good');
      await connection.request('die-later', {}, { timeoutMs: 10_000 });
      await until(() => !connection.usable, 'the connection to be known as lost');
      await expect(connection.request('echo', 1, { timeoutMs: 10_000 })).rejects.toMatchObject({
        code: 'connection_lost',
      });
    });

    it.each([
      ['a failed reply without an error', 'no-error'],
      ['a failed reply whose error is text', 'text-error'],
      ['a reply to a request nobody made', 'stray-reply'],
      ['a second hello', 'second-hello'],
    ])('%s harms nobody: the request ends', async (_what, verb) => {
      const connection = await fake('good');
      const ended = await connection.request(verb, {}, { timeoutMs: 1000 }).then(
        () => 'ok',
        (error: ScapError) => error.code,
      );
      expect(['ok', 'request_timeout', 'connection_lost', 'protocol_violation']).toContain(ended);
    });

    it('an error code of a newer version keeps its text', async () => {
      const connection = await fake('good');
      await expect(connection.request('new-error', {}, { timeoutMs: 1000 })).rejects.toMatchObject({
        code: 'run_failed',
        message: 'Cannot do what you do not know',
      });
    });

    it('a line without end is a violation, not a memory leak', async () => {
      const connection = await fake('good');
      await expect(connection.request('endless', {}, { timeoutMs: 20_000 })).rejects.toMatchObject({
        code: 'protocol_violation',
      });
      await gone();
    });

    it('a payload to an agent that dies meanwhile: connection_lost, not a crash', async () => {
      const connection = await fake('good');
      const sending = connection.request(
        'swallow-and-die',
        {},
        { timeoutMs: 20_000, payload: payloadOf(Buffer.alloc(20_000_000)) },
      );
      await expect(sending).rejects.toMatchObject({ code: 'connection_lost' });
      await gone();
    });

    it('the cache and live path may hold spaces and quotes', async () => {
      mkdirSync(join(directory, 'it\'s a "dir"'), { recursive: true });
      const connection = await connect(withAgent(realAgent), 'it\'s a "dir"/$HOME `x`');
      expect(await connection.request('probe', {}, { timeoutMs: 10_000 })).toMatchObject({ live: { kind: 'absent' } });
    });
  });
}

function payloadOf(bytes: Buffer): Payload {
  return { sizeBytes: bytes.length, open: () => Readable.from(bytes.length === 0 ? [] : [bytes]) };
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
