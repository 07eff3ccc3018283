// Blobs that rsync carries from target to target, with the rsync of this machine.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { run, startStreamed } from '../../src/system/process.ts';
import { type Blob, openWholeBlob, partPath } from '../../src/target/relay/blob-file.ts';
import type { BlobServer } from '../../src/target/relay/blob-server.ts';
import type { RelayTicket } from '../../src/target/relay/ticket.ts';
import { formatDaemonConfig, formatSecrets } from '../../src/target/rsync/daemon-files.ts';
import { compareByRsync, type RsyncOptions } from '../../src/target/rsync/rsync-program.ts';
import { createRsyncServer, type RsyncServerOptions } from '../../src/target/rsync/rsync-server.ts';
import { takeByRsync } from '../../src/target/rsync/take-by-rsync.ts';
import { listProcesses } from '../faults/support/site.ts';
import { nameOf, randomContent, testPorts, until, useRelayWorld } from '../support/relay-world.ts';

const world = useRelayWorld();
const ttlMs = 60_000;
const content = randomContent(3_000_000);
const name = nameOf(content);
const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface Source {
  readonly work: string;
  readonly blob: Blob;
  readonly server: BlobServer;
}

/** A source that has the blob, or says that `bytes` are it. */
async function newSource({ bytes = content, ...options }: Partial<RsyncServerOptions> & { bytes?: Buffer } = {}) {
  const work = world.tempDir();
  const path = join(work, `blob-${name.sha256}`);
  writeFileSync(path, bytes);
  const blob = await openWholeBlob(path, { ...name, sizeBytes: bytes.length });
  cleanUps.push(() => blob.close());
  const server = createRsyncServer({ address: '127.0.0.1', ports: testPorts, work, ...options });
  cleanUps.push(() => server.close());
  server.keep(blob);
  return { work, blob, server } satisfies Source;
}

function grant({ server, blob }: Source): Promise<RelayTicket> {
  return server.grant(blob, { child: 'c', ttlMs });
}

async function newChild(half: Uint8Array = Buffer.alloc(0)) {
  const at = world.tempDir();
  writeFileSync(partPath(join(at, `blob-${name.sha256}`)), half, { mode: 0o600 });
  return world.incoming(name, at);
}

function take(blob: Awaited<ReturnType<typeof newChild>>, ticket: RelayTicket) {
  return world.take(blob, [ticket], { receive: takeByRsync });
}

/** Asks a source with the stock program, as somebody would who has found the port. */
async function ask({ port, identity, key }: RelayTicket, path: string, ...more: string[]) {
  const url = `rsync://${identity}@127.0.0.1:${port}/${path}`;
  const argv = ['rsync', '--password-file=-', '--contimeout=5', '--timeout=5', ...more, url] as const;
  return run(argv, { input: `${key}\n`, okExits: Array.from({ length: 40 }, (_, at) => at) });
}

describe('a blob that rsync carries', () => {
  it('[B13] arrives whole, and is checked', async () => {
    const source = await newSource();
    const child = await newChild();
    const seen: number[] = [];
    const report = await world.take(child, [await grant(source)], {
      receive: takeByRsync,
      onProgress: (bytes) => void seen.push(bytes),
    });
    expect(report).toMatchObject({ resumedBytes: 0, receivedBytes: name.sizeBytes });
    expect(readFileSync(child.path).equals(content)).toBe(true);
    expect(child.verdict).toBe('whole');
    expect(seen.at(-1)).toBe(name.sizeBytes);
    expect(statSync(child.path).mode & 0o777).toBe(0o600);
  });

  it('[B16] is taken up where it was', async () => {
    const source = await newSource();
    const child = await newChild(content.subarray(0, 2_000_000));
    expect(await take(child, await grant(source))).toMatchObject({ resumedBytes: 2_000_000, receivedBytes: 1_000_000 });
    expect(readFileSync(child.path).equals(content)).toBe(true);
  });

  it('[B16] [B21] is mended where what was left of it is damaged', async () => {
    const source = await newSource();
    const half = Buffer.from(content.subarray(0, 2_000_000));
    half.fill('x', 700_000, 700_100);
    const child = await newChild(half);
    await take(child, await grant(source));
    expect(readFileSync(child.path).equals(content)).toBe(true);
  });

  it('[B21] is thrown away when its source has another', async () => {
    const wrong = Buffer.from(content);
    wrong.fill('x', 700_000, 700_100);
    const child = await newChild();
    const ticket = await grant(await newSource({ bytes: wrong }));
    await expect(take(child, ticket)).rejects.toMatchObject({ code: 'blob_damaged' });
    expect(child.verdict).toBe('damaged');
    expect(existsSync(partPath(child.path))).toBe(false);
    expect(existsSync(child.path)).toBe(false);
  });

  it('[B14] goes on with another source when the first goes, and keeps what it has', async () => {
    const [slow, good] = [await newSource({ bwlimit: 500_000 }), await newSource()];
    const child = await newChild();
    const tickets = async function* () {
      yield await grant(slow);
      yield await grant(good);
    };
    const lost: string[] = [];
    const taking = world.take(child, tickets(), {
      receive: takeByRsync,
      onSourceLost: ({ error }) => void lost.push(error?.code ?? ''),
    });
    await until(() => statSync(partPath(child.path)).size > 300_000);
    await slow.server.close();
    const { sources } = await taking;
    expect(lost).toEqual(['source_lost']);
    expect(sources[0]?.receivedBytes).toBeGreaterThan(300_000);
    expect(readFileSync(child.path).equals(content)).toBe(true);
  });

  it('stops on request, and nothing runs any more', async () => {
    const source = await newSource({ bwlimit: 500_000 });
    const child = await newChild();
    const stop = new AbortController();
    const taking = takeByRsync(await grant(source), child, {
      signal: stop.signal,
      limits: { greetingMs: 5000, silenceMs: 5000, farewellMs: 0 },
    });
    await until(() => statSync(partPath(child.path)).size > 100_000);
    stop.abort();
    await expect(taking).rejects.toMatchObject({ code: 'interrupted' });
    expect(child.availableBytes).toBeGreaterThan(100_000);
    await source.server.close();
    expect(readdirSync(source.work)).toEqual([`blob-${name.sha256}`]);
    expect(listProcesses(source.work)).toEqual([]);
  });

  it('[B21] may not be larger than it should be, and is kept when a source says that disks are full', async () => {
    const large = await newSource({ bytes: randomContent(12_000_000), bwlimit: 8_000_000 });
    const child = await newChild();
    await expect(take(child, await grant(large))).rejects.toMatchObject({ code: 'protocol_violation' });
    expect(statSync(partPath(child.path)).size).toBe(0);
    const liar = createServer((socket) => {
      socket.on('error', () => {});
      socket.write('@RSYNCD: 31.0 md5\n');
      socket.once('data', () => socket.end('@ERROR: No space left on device\n'));
    }).listen(0, '127.0.0.1');
    cleanUps.push(async () => void liar.close());
    await once(liar, 'listening');
    const { port } = liar.address() as { port: number };
    const half = await newChild(content.subarray(0, 2_000_000));
    const ticket = { address: '127.0.0.1', port, identity: 'a'.repeat(32), key: 'b'.repeat(64) };
    await expect(take(half, ticket)).rejects.toMatchObject({ code: expect.stringMatching(/^source_/) });
    expect(statSync(partPath(half.path)).size).toBe(2_000_000);
    await take(half, await grant(await newSource()));
    expect(half.verdict).toBe('whole');
  });

  it('is still served when its file was used up at the source', async () => {
    const source = await newSource();
    rmSync(source.blob.path);
    const child = await newChild();
    await take(child, await grant(source));
    expect(child.verdict).toBe('whole');
  });
});

describe('a source for rsync', () => {
  it('lets a ticket in once', async () => {
    const source = await newSource();
    const ticket = await grant(source);
    await grant(source);
    await take(await newChild(), ticket);
    await expect(take(await newChild(), ticket)).rejects.toMatchObject({ code: expect.stringMatching(/^source_/) });
  });

  it('lets a ticket in once, of two that come at the same time', async () => {
    const source = await newSource();
    const ticket = await grant(source);
    await grant(source);
    const both = await Promise.allSettled([take(await newChild(), ticket), take(await newChild(), ticket)]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it('lets nobody in with another key, or too late', async () => {
    const source = await newSource();
    const ticket = await grant(source);
    const wrong = { ...ticket, key: '0'.repeat(64) };
    await expect(take(await newChild(), wrong)).rejects.toMatchObject({ code: 'source_refused' });
    source.server.revoke(ticket.identity);
    await grant(source);
    await expect(take(await newChild(), ticket)).rejects.toMatchObject({ code: expect.stringMatching(/^source_/) });
  });

  it('lets no used ticket in that hides behind another', async () => {
    const source = await newSource();
    const used = await grant(source);
    await take(await newChild(), used);
    const other = await grant(source);
    const early = join(world.tempDir(), 'early');
    writeFileSync(early, `${other.identity} x\n`);
    const { exitCode, stdout } = await ask(used, `${used.identity}/`, `--early-input=${early}`);
    expect(exitCode).not.toBe(0);
    expect(String(stdout)).not.toContain(name.sha256);
    await take(await newChild(), other);
  });

  it('gives for a ticket its own blob only', async () => {
    const source = await newSource();
    const more = await newSource({ bytes: randomContent(1000) });
    source.server.keep({ ...more.blob, name: nameOf(randomContent(1)), path: more.blob.path });
    const [one, two] = [await grant(source), await grant(source)];
    expect(String((await ask(one, `${one.identity}/`)).stdout)).toMatch(new RegExp(`\\s${name.sha256}\\n$`));
    expect((await ask(two, `${one.identity}/`)).exitCode).not.toBe(0);
  });

  it.runIf(process.getuid?.() === 0)('serves without being root', async () => {
    const dir = world.tempDir();
    const [path, secrets, config] = [join(dir, 'served'), join(dir, 'secrets'), join(dir, 'config')];
    const identity = 'a'.repeat(32);
    mkdirSync(path);
    writeFileSync(join(path, 'blob'), 'bytes');
    writeFileSync(secrets, formatSecrets([{ identity, key: 'b'.repeat(64) }]), { mode: 0o600 });
    const nobody = { uid: 65_534, gid: 65_534 };
    writeFileSync(config, formatDaemonConfig({ modules: [{ identity, path }], secrets, ...nobody }));
    for (const each of [dir, path, secrets, config, join(path, 'blob')]) chownSync(each, nobody.uid, nobody.gid);
    const server = createServer((socket) => {
      const daemon = spawn('rsync', ['--server', '--daemon', `--config=${config}`, '.'], nobody);
      socket.pipe(daemon.stdin);
      daemon.stdout.pipe(socket);
    }).listen(0, '127.0.0.1');
    cleanUps.push(async () => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const got = await ask({ address: '127.0.0.1', port, identity, key: 'b'.repeat(64) }, `${identity}/`);
    expect(got.stderr).toBe('');
    expect(String(got.stdout)).toContain('blob');
  });

  it('shows no list, takes no file, and gives none but the blob', async () => {
    const source = await newSource();
    const dir = world.tempDir();
    writeFileSync(join(dir, 'file'), 'x');
    const list = await ask(await grant(source), '');
    expect({ ...list, stdout: String(list.stdout) }).toMatchObject({ stdout: '' });
    const out = join(dir, 'out');
    mkdirSync(out);
    const nosy = await grant(source);
    const up = await ask(nosy, `${nosy.identity}/../../`, '-r');
    expect(
      String(up.stdout)
        .split('\n')
        .filter((line) => /secrets|rsyncd/.test(line)),
    ).toEqual([]);
    const { port, identity, key } = await grant(source);
    const url = `rsync://${identity}@127.0.0.1:${port}/${identity}/`;
    const write = await run(['rsync', '--password-file=-', join(dir, 'file'), url], {
      input: `${key}\n`,
      okExits: Array.from({ length: 40 }, (_, at) => at),
    });
    expect(write.exitCode).not.toBe(0);
    expect(
      readdirSync(
        join(source.work, readdirSync(source.work).find((each) => each.startsWith('rsync-')) ?? '', 'served'),
      ),
    ).toEqual([name.sha256]);
  });

  it('listens on its address only, while a ticket is unused', async () => {
    const source = await newSource({ address: '127.0.0.2' });
    const ticket = await grant(source);
    expect(ticket.address).toBe('127.0.0.2');
    await expect(once(connect(ticket.port, '127.0.0.1'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await take(await newChild(), ticket);
    await expect(once(connect(ticket.port, '127.0.0.2'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('hangs up on who says nothing', async () => {
    const source = await newSource({ greetingMs: 200 });
    const { port } = await grant(source);
    const silent = connect(port, '127.0.0.1');
    silent.resume();
    await once(silent, 'close');
    await until(() => listProcesses(source.work).length === 0);
  });

  it('serves nothing that is not whole, and nothing after its end', async () => {
    const source = await newSource();
    const half = await newChild(content.subarray(0, 10));
    await expect(source.server.grant(half, { child: 'c', ttlMs })).rejects.toMatchObject({ code: 'relay_unavailable' });
    await source.server.close();
    await expect(grant(source)).rejects.toMatchObject({ code: 'relay_unavailable' });
  });

  it('says which directory it cannot serve from', async () => {
    const work = join(world.tempDir(), 'a%PATH%b');
    mkdirSync(work);
    const source = await newSource({ work });
    await expect(grant(source)).rejects.toMatchObject({
      code: 'relay_unavailable',
      hint: expect.stringContaining('carrier'),
    });
  });
});

describe('an rsync that pushes', () => {
  const push = (at: string, connect: RsyncOptions['connect'], signal = new AbortController().signal) =>
    compareByRsync(['--', join(at, 'blob'), `target:${join(at, "it's a copy")}`], { signal, connect });

  function newBlob(): string {
    const at = world.tempDir();
    writeFileSync(join(at, 'blob'), content);
    return at;
  }

  it('brings a file through streams that somebody else has opened', async () => {
    const at = newBlob();
    writeFileSync(join(at, "it's a copy"), content.subarray(0, 1_000_000));
    await push(at, async (args, streams) => {
      const far = await startStreamed(['rsync', ...args]);
      streams.pipe(far.stdin);
      far.stdout.pipe(streams);
      await far.done;
    });
    expect(readFileSync(join(at, "it's a copy")).equals(content)).toBe(true);
  });

  it('stops on request when the other end takes nothing', async () => {
    const at = newBlob();
    const stop = new AbortController();
    const pushing = push(
      at,
      async (_args, streams) => {
        stop.abort();
        await once(streams, 'close');
      },
      stop.signal,
    );
    await expect(pushing).rejects.toMatchObject({ code: 'interrupted' });
    expect(listProcesses(at)).toEqual([]);
  });

  it('stops on request while the other end is sent more than it takes', async () => {
    const at = newBlob();
    const stop = new AbortController();
    const pushing = push(
      at,
      async (args, streams) => {
        const far = await startStreamed(['rsync', ...args]);
        far.stdout.pipe(streams);
        streams.once('data', (chunk: Buffer) => {
          far.stdin.write(chunk);
          streams.pause();
          setTimeout(() => stop.abort(), 100);
        });
        await once(streams, 'close');
        far.kill();
        await far.done.catch(() => {});
      },
      stop.signal,
    );
    await expect(pushing).rejects.toMatchObject({ code: 'interrupted' });
    expect(listProcesses(at)).toEqual([]);
  });

  it('fails when the other end cannot be started', async () => {
    const refused = push(newBlob(), () => Promise.reject(new Error('no more sessions')));
    await expect(refused).rejects.toThrow('no more sessions');
  });
});
