import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { connect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import type { IncomingBlob } from '../../../../src/target/relay/blob-file.ts';
import { childTlsOptions } from '../../../../src/target/relay/relay-tls.ts';
import type { RelayTicket } from '../../../../src/target/relay/ticket.ts';
import { createSourceReader } from '../../../../src/target/relay/wire.ts';
import { nameOf, randomContent, reaches, until, useRelayWorld } from '../../../support/relay-world.ts';

const world = useRelayWorld();
const ttlMs = 60_000;
const mebi = 1024 * 1024;

/** A host that takes a blob from `parent` and serves it at the same time. */
async function relayOf(
  parent: { ticket(child: string): Promise<RelayTicket> },
  name: ReturnType<typeof nameOf>,
  child: string,
) {
  const blob = await world.incoming(name);
  const source = world.source();
  const taking = world.take(blob, [await parent.ticket(child)]);
  taking.catch(() => {});
  return { blob, ...source, taking, ticket: (to: string) => source.server.grant(blob, { child: to, ttlMs }) };
}

/** A source whose blob the test feeds. */
async function gatedRoot(name: ReturnType<typeof nameOf>) {
  const blob = await world.incoming(name);
  const source = world.source();
  return { blob, ...source, ticket: (child: string) => source.server.grant(blob, { child, ttlMs }) };
}

function expectWhole(blob: IncomingBlob, content: Buffer): void {
  expect(blob.verdict).toBe('whole');
  expect(readFileSync(blob.path).equals(content)).toBe(true);
  expect(readdirSync(dirname(blob.path))).toEqual([`blob-${nameOf(content).sha256}`]);
}

describe('relay', () => {
  it('passes bytes down a chain while they arrive: the last has what the first has before anybody has the whole', async () => {
    const content = randomContent(3 * mebi + 17);
    const name = nameOf(content);
    const root = await gatedRoot(name);
    const a = await relayOf(root, name, 'a');
    const b = await relayOf(a, name, 'b');
    const c = await relayOf(b, name, 'c');
    const half = 2 * mebi + 5;
    await root.blob.append(content.subarray(0, half));
    await reaches(c.blob, half);
    expect([root, a, b, c].map(({ blob }) => [blob.availableBytes, blob.verdict])).toEqual(
      Array.from({ length: 4 }, () => [half, undefined]),
    );
    await root.blob.append(content.subarray(half));
    const reports = await Promise.all([a, b, c].map(({ taking }) => taking));
    for (const { blob } of [a, b, c]) expectWhole(blob, content);
    expect(reports.map(({ receivedBytes }) => receivedBytes)).toEqual([1, 1, 1].map(() => content.length));
    await until(() => [root, a, b].every(({ served }) => served.length === 1));
    expect([root, a, b].map(({ served }) => served[0])).toEqual(
      ['a', 'b', 'c'].map((child) => ({
        child,
        sha256: name.sha256,
        offset: 0,
        servedBytes: content.length,
        outcome: 'whole',
      })),
    );
  });

  it('serves a tree of degree 2', async () => {
    const content = randomContent(2 * mebi + 1);
    const name = nameOf(content);
    const root = await gatedRoot(name);
    const firsts = [await relayOf(root, name, '0'), await relayOf(root, name, '1')];
    const seconds = [];
    for (const parent of firsts) for (const n of [0, 1]) seconds.push(await relayOf(parent, name, `${n}`));
    await root.blob.append(content);
    for (const { taking } of [...firsts, ...seconds]) await taking;
    for (const { blob } of [...firsts, ...seconds]) expectWhole(blob, content);
    await until(() => [root, ...firsts].every(({ served }) => served.length === 2));
    for (const { served } of [root, ...firsts])
      expect(served.map(({ servedBytes }) => servedBytes)).toEqual([content.length, content.length]);
  });

  it('continues from another source where the first one died, and counts every byte once', async () => {
    const content = randomContent(2 * mebi);
    const name = nameOf(content);
    const first = await gatedRoot(name);
    const second = await gatedRoot(name);
    await second.blob.append(content);
    const child = await world.incoming(name);
    const taking = world.take(child, [await first.ticket('c'), await second.ticket('c')]);
    const half = mebi + 3;
    await first.blob.append(content.subarray(0, half));
    await reaches(child, half);
    await first.server.close();
    const report = await taking;
    expectWhole(child, content);
    expect(report.sources.map(({ receivedBytes, error }) => [receivedBytes, error?.code])).toEqual([
      [half, 'source_lost'],
      [content.length - half, undefined],
    ]);
    expect(report.receivedBytes).toBe(content.length);
    expect(first.served).toMatchObject([{ offset: 0, servedBytes: half, outcome: 'lost' }]);
    await until(() => second.served.length > 0);
    expect(second.served).toMatchObject([{ offset: half, servedBytes: content.length - half, outcome: 'whole' }]);
  });

  it('keeps the hosts below waiting, not failing, while one of them looks for another source', async () => {
    const content = randomContent(mebi);
    const name = nameOf(content);
    const first = await gatedRoot(name);
    const a = await relayOf(first, name, 'a');
    const b = await relayOf(a, name, 'b');
    await first.blob.append(content.subarray(0, 1000));
    await reaches(b.blob, 1000);
    await first.server.close();
    await expect(a.taking).rejects.toMatchObject({
      code: 'source_lost',
      data: { receivedBytes: 1000, availableBytes: 1000 },
    });
    const second = world.source();
    const ticket = await second.server.grant(await world.whole(content), { child: 'a', ttlMs });
    const report = await world.take(a.blob, [ticket]);
    expect(report.receivedBytes).toBe(content.length - 1000);
    expect((await b.taking).sources).toHaveLength(1);
    expectWhole(b.blob, content);
  });

  it('[I11] refuses a blob with one flipped bit everywhere, keeps nothing of it and tells every child', async () => {
    const content = randomContent(2 * mebi);
    const name = nameOf(content);
    const bad = Buffer.from(content);
    bad[12_345] = (bad[12_345] ?? 0) ^ 0x10;
    const root = world.source();
    const rootBlob = await world.whole(bad, name);
    const a = await relayOf({ ticket: (child) => root.server.grant(rootBlob, { child, ttlMs }) }, name, 'a');
    const b = await relayOf(a, name, 'b');
    const c = await relayOf(b, name, 'c');
    for (const { taking } of [a, b, c]) await expect(taking).rejects.toMatchObject({ code: 'blob_damaged' });
    for (const { blob } of [a, b, c]) {
      expect(blob.verdict).toBe('damaged');
      expect(readdirSync(dirname(blob.path))).toEqual([]);
    }
    await until(() => a.served.length === 1 && b.served.length === 1);
    expect([a.served[0]?.outcome, b.served[0]?.outcome]).toEqual(['damaged', 'damaged']);
  });

  it('tells a child that its source was closed, and leaves what the child has to be continued', async () => {
    const content = randomContent(mebi);
    const name = nameOf(content);
    const root = await gatedRoot(name);
    const a = await relayOf(root, name, 'a');
    await root.blob.append(content.subarray(0, 500));
    await reaches(a.blob, 500);
    await root.blob.close();
    await expect(a.taking).rejects.toMatchObject({
      code: 'source_lost',
      message: expect.stringMatching(/cannot go on$/),
    });
    expect(a.blob.verdict).toBeUndefined();
    expect(existsSync(`${a.blob.path}.part`)).toBe(true);
    await until(() => root.served.length === 1);
    expect(root.served).toMatchObject([{ servedBytes: 500, outcome: 'gone' }]);
  });

  it('starts at any offset and finds the half that an earlier process received', async () => {
    const content = randomContent(mebi + 7);
    const name = nameOf(content);
    const root = world.source();
    const whole = await world.whole(content);
    const at = world.tempDir();
    const before = await world.incoming(name, at);
    await before.append(content.subarray(0, 700_001));
    await before.close();
    const after = await world.incoming(name, at);
    expect(after.resumedBytes).toBe(700_001);
    const report = await world.take(after, [await root.server.grant(whole, { child: 'a', ttlMs })]);
    expect(report).toMatchObject({ resumedBytes: 700_001, receivedBytes: content.length - 700_001 });
    expectWhole(after, content);
    await after.close();
    const again = await world.incoming(name, at);
    expect(again).toMatchObject({ verdict: 'whole', resumedBytes: content.length });
    expect(await world.take(again, [])).toMatchObject({ receivedBytes: 0, sources: [] });
  });

  it('lets neither the others nor the one that receives wait for a child that takes nothing', async () => {
    const content = randomContent(32 * mebi);
    const name = nameOf(content);
    const root = await gatedRoot(name);
    const middle = await relayOf(root, name, 'middle');
    const socket = connect(childTlsOptions(await middle.ticket('slow')));
    socket.on('error', () => {});
    socket.write(`scap-relay 1 ${name.sha256} 0\n`);
    await once(socket, 'readable');
    const quick = await relayOf(middle, name, 'quick');
    await root.blob.append(content);
    await Promise.all([middle.taking, quick.taking]);
    expectWhole(quick.blob, content);
    await until(() => middle.served.length === 1);
    expect(middle.served[0]?.child).toBe('quick');
    // What lies between the two is what sockets hold, not the blob.
    expect(socket.readableLength).toBeLessThan(mebi);
    const reader = createSourceReader();
    let bytes = 0;
    for await (const chunk of socket)
      for (const message of reader.push(chunk as Buffer)) if (message.kind === 'bytes') bytes += message.piece.length;
    expect(bytes).toBe(content.length);
    await until(() => middle.served.length === 2);
    expect(middle.served[1]).toMatchObject({ child: 'slow', servedBytes: content.length, outcome: 'whole' });
  });

  it('keeps below the rate of a source, all children together, and still gives them everything', async () => {
    const content = randomContent(300_000);
    const name = nameOf(content);
    const source = world.source({ bwlimit: 1_000_000 });
    const whole = await world.whole(content);
    const startedAt = performance.now();
    const children = [await world.incoming(name), await world.incoming(name)];
    const tickets = await Promise.all(children.map(() => source.server.grant(whole, { child: 'c', ttlMs })));
    await Promise.all(children.map((child, at) => world.take(child, tickets.slice(at, at + 1))));
    // Less than the last piece is let through early.
    expect(performance.now() - startedAt).toBeGreaterThan(450);
    for (const child of children) expectWhole(child, content);
  });

  it('gives a whole blob of no bytes at all', async () => {
    const empty = await world.incoming(nameOf(Buffer.alloc(0)));
    expect(empty.verdict).toBe('whole');
    expect(readFileSync(empty.path)).toHaveLength(0);
  });
});
