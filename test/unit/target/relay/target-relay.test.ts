import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { takeTarget } from '../../../../src/target/context.ts';
import { createTargetLayout, type TargetLayout } from '../../../../src/target/layout.ts';
import { createRelayServer } from '../../../../src/target/relay/relay-server.ts';
import { createTargetRelay, type TargetRelay } from '../../../../src/target/relay/target-relay.ts';
import { createTrash } from '../../../../src/target/trash.ts';
import { nameOf, randomContent, testPorts, useRelayWorld } from '../../../support/relay-world.ts';

const world = useRelayWorld();
const ttlMs = 60_000;
const content = randomContent(300_000);
const name = nameOf(content);
const relays: TargetRelay[] = [];
const signal = new AbortController().signal;

afterEach(async () => {
  for (const relay of relays.splice(0)) await relay.close();
});

function newTarget(): { layout: TargetLayout; relay: TargetRelay } {
  const layout = createTargetLayout(join(world.tempDir(), 'cache'), '/nowhere/live');
  mkdirSync(layout.work, { recursive: true });
  const relay = createTargetRelay(layout, { server: createRelayServer({ address: '127.0.0.1', ports: testPorts }) });
  relays.push(relay);
  return { layout, relay };
}

async function rootTicket(bytes: Buffer = content) {
  return world.source().server.grant(await world.whole(bytes, name), { child: 'top', ttlMs });
}

describe('createTargetRelay()', () => {
  it('grants before it takes, so that a tree is set up from the top', async () => {
    const [top, leaf] = [newTarget(), newTarget()];
    const ticket = await top.relay.grant(name, { child: 'leaf', ttlMs });
    const leafTakes = leaf.relay.take(name, [ticket], { signal });
    await top.relay.take(name, [await rootTicket()], { signal });
    await leafTakes;
    for (const { layout } of [top, leaf]) expect(readFileSync(layout.blob(name.sha256)).equals(content)).toBe(true);
  });

  it('begins anew after damage, and refuses two at once and two sizes', async () => {
    const { layout, relay } = newTarget();
    const bad = Buffer.alloc(content.length);
    await expect(relay.take(name, [await rootTicket(bad)], { signal })).rejects.toMatchObject({ code: 'blob_damaged' });
    const [first, second] = [await rootTicket(), await rootTicket()];
    const taking = relay.take(name, [first], { signal });
    await expect(relay.take(name, [second], { signal })).rejects.toMatchObject({ code: 'protocol_violation' });
    expect((await taking).receivedBytes).toBe(content.length);
    const other = { ...name, sizeBytes: 5 };
    await expect(relay.grant(other, { child: 'c', ttlMs })).rejects.toMatchObject({ code: 'protocol_violation' });
    expect(readFileSync(layout.blob(name.sha256)).equals(content)).toBe(true);
  });

  it('takes what the deploy host gives in pieces, in order, and passes over what is there', async () => {
    const { layout, relay } = newTarget();
    const [a, b] = [content.subarray(0, 100_000), content.subarray(100_000)];
    expect(await relay.look(name)).toEqual({ availableBytes: 0, whole: false });
    const given = [relay.give(name, 0, a), relay.give(name, 50_000, content.subarray(50_000, 100_000))];
    expect(await Promise.all(given)).toEqual([
      { availableBytes: 100_000, whole: false },
      { availableBytes: 100_000, whole: false },
    ]);
    await expect(relay.give(name, 100_001, b)).rejects.toMatchObject({ code: 'protocol_violation' });
    expect(await relay.give(name, 100_000, b)).toEqual({ availableBytes: content.length, whole: true });
    expect(readFileSync(layout.blob(name.sha256)).equals(content)).toBe(true);
  });

  it('finds damage in what is given, keeps nothing of it, and begins anew', async () => {
    const { relay } = newTarget();
    await expect(relay.give(name, 0, Buffer.alloc(content.length))).rejects.toMatchObject({ code: 'blob_damaged' });
    expect(await relay.look(name)).toEqual({ availableBytes: 0, whole: false });
    expect(await relay.give(name, 0, content)).toMatchObject({ whole: true });
  });

  it('passes on what it is given, while it is given', async () => {
    const [top, leaf] = [newTarget(), newTarget()];
    const ticket = await top.relay.grant(name, { child: 'leaf', ttlMs });
    const taking = leaf.relay.take(name, [ticket], { signal });
    await expect(leaf.relay.give(name, 0, content)).rejects.toMatchObject({ code: 'protocol_violation' });
    for (let at = 0; at < content.length; at += 70_000)
      await top.relay.give(name, at, content.subarray(at, at + 70_000));
    expect((await taking).receivedBytes).toBe(content.length);
    expect(readFileSync(leaf.layout.blob(name.sha256)).equals(content)).toBe(true);
  });

  it('serves a blob on that was moved away and deleted', async () => {
    const { layout, relay } = newTarget();
    await relay.take(name, [await rootTicket()], { signal });
    const ticket = await relay.grant(name, { child: 'c', ttlMs });
    rmSync(layout.blob(name.sha256));
    const child = await world.incoming(name);
    await world.take(child, [ticket]);
    expect(child.verdict).toBe('whole');
  });

  it('stops listening when it is closed, and leaves the half', async () => {
    const { layout, relay } = newTarget();
    const root = await world.incoming(name);
    await root.append(content.subarray(0, 1000));
    const ticket = await world.source().server.grant(root, { child: 'c', ttlMs });
    const { port } = await relay.grant(name, { child: 'd', ttlMs });
    const stop = new AbortController();
    const arrived = new Promise((resolve) => {
      void relay
        .take(name, [ticket], { signal: stop.signal, onProgress: (bytes) => bytes === 1000 && resolve(bytes) })
        .catch(() => {});
    });
    await arrived;
    stop.abort();
    await relay.close();
    await expect(once(connectTcp(port, '127.0.0.1'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(readFileSync(`${layout.blob(name.sha256)}.part`)).toHaveLength(1000);
  });
});

describe('takeTarget()', () => {
  it('leaves blobs of a run just interrupted, and sweeps old ones and what only looks like one', async () => {
    const layout = createTargetLayout(join(world.tempDir(), 'cache'), join(world.tempDir(), 'live'));
    const fresh = `${layout.blob('ab'.repeat(32))}.part`;
    const whole = layout.blob('cd'.repeat(32));
    const old = `${layout.blob('ef'.repeat(32))}.part`;
    const other = join(layout.work, 'blob-ab.part');
    mkdirSync(dirname(fresh), { recursive: true });
    for (const path of [fresh, whole, old, other]) writeFileSync(path, 'bytes');
    utimesSync(old, 1, 1);
    const lock = await takeTarget(layout, createTrash(), 'test');
    lock.release();
    expect([fresh, whole, old, other].map((path) => existsSync(path))).toEqual([true, true, false, false]);
  });
});
