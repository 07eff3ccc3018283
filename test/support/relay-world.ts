// Relays on loopback: sources, children, and blobs that the test feeds by hand.
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type Blob, type IncomingBlob, openIncomingBlob, openWholeBlob } from '../../src/target/relay/blob-file.ts';
import type { BlobName } from '../../src/target/relay/blob-name.ts';
import type { BlobServer } from '../../src/target/relay/blob-server.ts';
import {
  createRelayServer,
  type RefusedReport,
  type RelayServerOptions,
  type ServedReport,
} from '../../src/target/relay/relay-server.ts';
import { type TakeOptions, type TakeReport, takeBlob } from '../../src/target/relay/take-blob.ts';
import type { RelayTicket } from '../../src/target/relay/ticket.ts';
import { useTempDirs } from './temp-dir.ts';

export interface TestSource {
  readonly server: BlobServer;
  readonly served: ServedReport[];
  readonly refused: RefusedReport[];
}

export interface RelayWorld {
  tempDir(): string;
  source(options?: Partial<RelayServerOptions>): TestSource;
  /** A blob that waits for bytes, as the one named `as` of a host. */
  incoming(name: BlobName, at?: string): Promise<IncomingBlob>;
  whole(content: Buffer, name?: BlobName): Promise<Blob>;
  take(
    blob: IncomingBlob,
    tickets: Iterable<RelayTicket> | AsyncIterable<RelayTicket>,
    options?: Partial<TakeOptions>,
  ): Promise<TakeReport>;
}

/** Ports of this test process alone, since files run at the same time, and below those that the kernel gives to outgoing connections. */
const firstPort = 10_000 + (process.pid % 200) * 100;
export const testPorts = { first: firstPort, last: firstPort + 99 };

/** Everything it makes ends with the test. */
export function useRelayWorld(): RelayWorld {
  const tempDir = useTempDirs();
  const cleanUps: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });
  return {
    tempDir,
    source: (options = {}) => {
      const served: ServedReport[] = [];
      const refused: RefusedReport[] = [];
      const server = createRelayServer({
        address: '127.0.0.1',
        ports: testPorts,
        onServed: (report) => void served.push(report),
        onRefused: (report) => void refused.push(report),
        ...options,
      });
      cleanUps.push(() => server.close());
      return { server, served, refused };
    },
    incoming: async (name, at = tempDir()) => {
      mkdirSync(at, { recursive: true });
      const blob = await openIncomingBlob(join(at, `blob-${name.sha256}`), name);
      cleanUps.push(() => blob.close());
      return blob;
    },
    whole: async (content, name = nameOf(content)) => {
      const path = join(tempDir(), 'blob');
      writeFileSync(path, content);
      const blob = await openWholeBlob(path, name);
      cleanUps.push(() => blob.close());
      return blob;
    },
    take: async (blob, tickets, options = {}) => {
      const stop = new AbortController();
      const taking = takeBlob(blob, tickets, { signal: stop.signal, ...options });
      // A test that fails must not leave this running.
      cleanUps.push(async () => {
        stop.abort();
        await taking.catch(() => {});
      });
      return taking;
    },
  };
}

export function nameOf(content: Buffer): BlobName {
  return { sha256: createHash('sha256').update(content).digest('hex'), sizeBytes: content.length };
}

export function randomContent(sizeBytes: number): Buffer {
  return randomBytes(sizeBytes);
}

/** Waits until a blob has so many bytes, or a verdict. */
export async function reaches(blob: Blob, bytes: number): Promise<void> {
  const never = new AbortController().signal;
  while (blob.availableBytes < bytes && blob.verdict === undefined) await blob.changed(never);
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
