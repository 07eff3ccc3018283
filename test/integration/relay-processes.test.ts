// Relays as processes: killed, started again, and on a disk that is full.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { BlobName } from '../../src/target/relay/blob-name.ts';
import { parseRelayTicket, type RelayTicket } from '../../src/target/relay/ticket.ts';
import { nameOf, randomContent, reaches, testPorts, until, useRelayWorld } from '../support/relay-world.ts';

const world = useRelayWorld();
const ttlMs = 60_000;
const mebi = 1024 * 1024;
const processes: ChildProcess[] = [];
const script = fileURLToPath(new URL('../support/relay-process.ts', import.meta.url));
const unshare = ['unshare', process.getuid?.() === 0 ? '-m' : '-rm'];

afterEach(async () => {
  for (const child of processes.splice(0)) await kill(child);
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

interface RelayProcess {
  readonly child: ChildProcess;
  /** Waits for what it says under this name. */
  said(kind: string): Promise<unknown>;
  ticket(): Promise<RelayTicket>;
}

/** In a mount namespace of its own, which ends with it, when its `work/` is to have no more than `workBytes`. */
function startRelay(cache: string, name: BlobName, tickets: readonly RelayTicket[], workBytes?: number): RelayProcess {
  const work = join(cache, 'work');
  mkdirSync(work, { recursive: true });
  const argv = [process.execPath, '--import', 'tsx', script];
  const mount = ['sh', '-c', `mount -t tmpfs -o size=${workBytes} tmpfs "$0" && exec "$@"`, work];
  const [program = '', ...args] = workBytes === undefined ? argv : [...unshare, ...mount, ...argv];
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  processes.push(child);
  const messages: Record<string, unknown>[] = [];
  child.on('message', (message) => void messages.push(message as Record<string, unknown>));
  child.send({ cache, name, tickets, ports: testPorts });
  const said = async (kind: string) => {
    const find = () => messages.find((message) => kind in message);
    await until(() => find() !== undefined || child.exitCode !== null);
    return find()?.[kind] ?? expect.fail(`the relay ended: ${JSON.stringify(messages)}`);
  };
  return { child, said, ticket: async () => parseRelayTicket(await said('ticket')) };
}

describe('a relay that is killed', () => {
  it('loses no byte: its child goes on elsewhere, and its own next process from what it had', async () => {
    const content = randomContent(4 * mebi + 1);
    const name = nameOf(content);
    const half = 2 * mebi + 11;
    const root = world.source();
    const fed = await world.incoming(name);
    const grant = (child: string) => root.server.grant(fed, { child, ttlMs });
    const cache = world.tempDir();
    const victim = startRelay(cache, name, [await grant('victim')]);
    const child = await world.incoming(name);
    const spare = await grant('child');
    const taking = world.take(child, [await victim.ticket(), spare]);
    await fed.append(content.subarray(0, half));
    await reaches(child, half);
    await kill(victim.child);
    await fed.append(content.subarray(half));
    const report = await taking;
    expect(report.sources.map(({ receivedBytes, error }) => [receivedBytes, error?.code])).toEqual([
      [half, 'source_lost'],
      [content.length - half, undefined],
    ]);
    expect(readFileSync(child.path).equals(content)).toBe(true);
    expect(statSync(join(cache, 'work', `blob-${name.sha256}.part`)).size).toBe(half);

    const next = startRelay(cache, name, [await grant('victim again')]);
    expect(await next.said('report')).toEqual({ resumedBytes: half, receivedBytes: content.length - half });
    expect(readFileSync(join(cache, 'work', `blob-${name.sha256}`)).equals(content)).toBe(true);
    await until(() => root.served.length === 3);
    expect(root.served.find((served) => served.child === 'victim again')).toMatchObject({
      offset: half,
      servedBytes: content.length - half,
    });
  });
});

describe('a relay with a full disk', () => {
  it('frees the space, says which file it was, and its child goes on elsewhere', async () => {
    const content = randomContent(3 * mebi);
    const name = nameOf(content);
    const root = world.source();
    const whole = await world.whole(content);
    const grant = (child: string) => root.server.grant(whole, { child, ttlMs });
    const cache = world.tempDir();
    const fed = await world.incoming(name);
    const full = startRelay(cache, name, [await root.server.grant(fed, { child: 'full', ttlMs })], mebi);
    const below = await world.incoming(name);
    const taking = world.take(below, [await full.ticket(), await grant('below')]);
    await fed.append(content.subarray(0, 1000));
    await reaches(below, 1000);
    await fed.append(content.subarray(1000));
    expect(await full.said('failure')).toMatchObject({
      code: 'disk_full',
      message: `Cannot write "${cache}/work/blob-${name.sha256}.part": no space left on the device`,
    });
    expect(await full.said('left')).toEqual([]);
    const report = await taking;
    expect(report.receivedBytes).toBe(content.length);
    expect(report.sources.map(({ error }) => error?.code)).toEqual(['source_lost', undefined]);
    expect(readFileSync(below.path).equals(content)).toBe(true);
  });
});
