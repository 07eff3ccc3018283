// What one relay costs: source -> relay -> child, each in a process of its own, over loopback.
//
//   node_modules/.bin/tsx scripts/lib/bench-relay.ts [MiB, default 512] [directory, default the system's temporary one]
//
// The wall clock says little where three processes share two cores; the CPU seconds of the middle one say what a host that relays can do. It
// takes TLS in, hashes, writes, reads back, and sends TLS out.
import { fork } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Blob, openIncomingBlob, openWholeBlob } from '../../src/target/relay/blob-file.ts';
import type { BlobName } from '../../src/target/relay/blob-name.ts';
import { createRelayServer } from '../../src/target/relay/relay-server.ts';
import { takeBlob } from '../../src/target/relay/take-blob.ts';
import type { RelayTicket } from '../../src/target/relay/ticket.ts';

interface Start {
  readonly role: 'source' | 'relay' | 'child';
  readonly name: BlobName;
  readonly path: string;
  readonly ticket?: RelayTicket;
}

interface Used {
  readonly role: Start['role'];
  readonly userMs: number;
  readonly systemMs: number;
  readonly wallMs: number;
  readonly peakMiB: number;
}

const mebi = 1024 * 1024;
if (process.send === undefined) await measure();
else process.once('message', (start) => void run(start as Start));

async function measure(): Promise<void> {
  const sizeBytes = Number(process.argv[2] ?? 512) * mebi;
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) throw new Error('the first argument is a number of MiB');
  const directory = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'scap-bench-relay-'));
  try {
    const source = join(directory, 'source');
    const name = makeBlob(source, sizeBytes);
    const used: Promise<Used>[] = [];
    let ticket: RelayTicket | undefined;
    for (const role of ['source', 'relay', 'child'] as const) {
      const path = role === 'source' ? source : join(directory, role);
      const started = start({ role, name, path, ...(ticket && { ticket }) });
      used.push(started.used);
      ticket = await started.ticket;
    }
    for (const { role, userMs, systemMs, wallMs, peakMiB } of await Promise.all(used)) {
      const perCore = sizeBytes / 1e6 / (userMs + systemMs);
      const cpu = `${(userMs / 1000).toFixed(2)} s user, ${(systemMs / 1000).toFixed(2)} s system`;
      const wall = `${(wallMs / 1000).toFixed(2)} s wall`;
      console.log(
        `${role.padEnd(6)}  ${cpu}  ${perCore.toFixed(2)} GB/s per core  ${wall}  peak ${peakMiB.toFixed(0)} MiB`,
      );
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function start(task: Start): { readonly ticket: Promise<RelayTicket | undefined>; readonly used: Promise<Used> } {
  const child = fork(fileURLToPath(import.meta.url), { execArgv: process.execArgv });
  child.send(task);
  const messages = (kind: string) =>
    new Promise<never>((resolve, reject) => {
      child.on('message', (message: Record<string, unknown>) => kind in message && resolve(message[kind] as never));
      child.once('exit', () => reject(new Error(`the ${task.role} ended early`)));
    });
  const used = messages('used');
  return { ticket: task.role === 'child' ? Promise.resolve(undefined) : messages('ticket'), used };
}

/** One of the three. Ends when it has passed everything on. */
async function run({ role, name, path, ticket }: Start): Promise<void> {
  const startedAt = performance.now();
  const startedCpu = process.cpuUsage();
  const finish = () => {
    const { user, system } = process.cpuUsage(startedCpu);
    const peakMiB = process.resourceUsage().maxRSS / 1024;
    const wallMs = performance.now() - startedAt;
    process.send?.({ used: { role, userMs: user / 1000, systemMs: system / 1000, wallMs, peakMiB } }, () =>
      process.disconnect(),
    );
  };
  const server = createRelayServer({
    address: '127.0.0.1',
    ports: { first: 18_730, last: 18_790 },
    onServed: () => finish(),
  });
  const incoming = role === 'source' ? undefined : await openIncomingBlob(path, name);
  const blob: Blob = incoming ?? (await openWholeBlob(path, name));
  if (role !== 'child') process.send?.({ ticket: await server.grant(blob, { child: role, ttlMs: 60_000 }) });
  if (incoming === undefined || ticket === undefined) return;
  await takeBlob(incoming, [ticket], { signal: new AbortController().signal });
  if (role === 'child') finish();
}

function makeBlob(path: string, sizeBytes: number): BlobName {
  const hash = createHash('sha256');
  const piece = randomBytes(mebi);
  const fd = openSync(path, 'w');
  for (let at = 0; at < sizeBytes; at += mebi) {
    piece.writeDoubleLE(at);
    hash.update(piece);
    writeSync(fd, piece);
  }
  closeSync(fd);
  return { sha256: hash.digest('hex'), sizeBytes };
}
