// A relay in a process of its own, to be killed: takes a blob, serves it, and says on its channel what happens. See `relay-processes.test.ts`.
import { readdirSync } from 'node:fs';
import { toErrorReport } from '../../src/core/errors.ts';
import { createTargetLayout } from '../../src/target/layout.ts';
import { parseBlobName } from '../../src/target/relay/blob-name.ts';
import { createRelayServer } from '../../src/target/relay/relay-server.ts';
import { createTargetRelay } from '../../src/target/relay/target-relay.ts';
import { parseRelayTicket } from '../../src/target/relay/ticket.ts';

export interface RelayProcessStart {
  readonly cache: string;
  readonly name: unknown;
  readonly tickets: readonly unknown[];
  readonly ports: { readonly first: number; readonly last: number };
}

process.once('message', (start) => void run(start as RelayProcessStart));
process.once('disconnect', () => process.exit());

async function run({ cache, name, tickets, ports }: RelayProcessStart): Promise<void> {
  const relay = createTargetRelay(createTargetLayout(cache, `${cache}/live`), {
    server: createRelayServer({ address: '127.0.0.1', ports }),
  });
  const blob = parseBlobName(name);
  process.send?.({ ticket: await relay.grant(blob, { child: 'next', ttlMs: 60_000 }) });
  try {
    const report = await relay.take(blob, tickets.map(parseRelayTicket), {
      signal: new AbortController().signal,
      onProgress: (availableBytes) => process.send?.({ availableBytes }),
    });
    process.send?.({ report: { resumedBytes: report.resumedBytes, receivedBytes: report.receivedBytes } });
  } catch (error) {
    process.send?.({ failure: toErrorReport(error), left: readdirSync(`${cache}/work`) });
  }
}
