/**
 * What the deploy host asks of the relay of one target, typed; see `target/relay/relay-verbs`. What a target answers is untrusted until it went
 * through here.
 */
import type { Carrier } from '../config/config.ts';
import { ScapError } from '../core/errors.ts';
import { formatPortRange, type PortRange } from '../core/port-range.ts';
import type { Sha } from '../core/sha.ts';
import { type BlobName, parseBlobName } from '../target/relay/blob-name.ts';
import type { Holding } from '../target/relay/target-relay.ts';
import { parseRelayTicket, type RelayTicket } from '../target/relay/ticket.ts';
import type { Connection, RequestOptions } from '../transport/connection.ts';

type Options = Omit<RequestOptions, 'payload'>;

/** How a target listens for others. */
export interface Listening {
  readonly ports: PortRange;
  /** Bytes per second to all others together; 0: no limit. */
  readonly bytesPerSecond: number;
  readonly carrier: Carrier;
}

/** Tells a target of a blob that it will get; what it holds of it already. */
export async function openBlob(
  connection: Connection,
  blob: BlobName,
  listening: Listening,
  options: Options,
): Promise<Holding> {
  const params = { blob: nameOf(blob), ...listeningParams(listening) };
  return toHolding(await connection.request('blob-open', params, options), blob);
}

/** Has a target that has a revision make a bundle of it, for others to take; returns what it is called. */
export async function makeBlob(
  connection: Connection,
  revision: Sha,
  listening: Listening,
  options: Options,
): Promise<BlobName> {
  const params = { revision, ...listeningParams(listening) };
  return parseBlobName(await connection.request('blob-make', params, options));
}

/** Gives a target the bytes of a blob from `offset` on. */
export async function giveBlob(
  connection: Connection,
  blob: BlobName,
  offset: number,
  piece: Buffer,
  options: Options,
): Promise<Holding> {
  const payload = { sizeBytes: piece.length, open: () => piece };
  const params = { blob: nameOf(blob), offset };
  return toHolding(await connection.request('blob-give', params, { ...options, payload }), blob);
}

/**
 * Has a target watch how another program brings a blob, until `signal` says that it has ended; returns when all of it is there. Throws `source_lost` when
 * it is not, `blob_damaged`, and `disk_full`.
 */
export async function receiveBlob(connection: Connection, blob: BlobName, options: Options): Promise<void> {
  await connection.request('blob-receive', { blob: nameOf(blob) }, options);
}

/** Has a target take a blob from another; returns when it is whole. */
export async function takeBlob(
  connection: Connection,
  blob: BlobName,
  ticket: RelayTicket,
  options: Options,
): Promise<void> {
  await connection.request('blob-take', { blob: nameOf(blob), ticket }, options);
}

/** Has a target make a ticket for `child`, which has `ttlMs` to connect. */
export async function grantBlob(
  connection: Connection,
  blob: BlobName,
  { child, ttlMs }: { readonly child: string; readonly ttlMs: number },
  options: Options,
): Promise<RelayTicket> {
  return parseRelayTicket(await connection.request('blob-grant', { blob: nameOf(blob), child, ttlMs }, options));
}

/** Makes a ticket useless; it does not matter whether that works. */
export function revokeTicket(connection: Connection, { identity }: RelayTicket, options: Options): void {
  if (connection.usable) connection.request('blob-revoke', { identity }, options).catch(() => {});
}

function listeningParams({ ports, bytesPerSecond, carrier }: Listening) {
  return { ports: formatPortRange(ports), bwlimit: bytesPerSecond, carrier };
}

function nameOf({ sha256, sizeBytes }: BlobName): BlobName {
  return { sha256, sizeBytes };
}

function toHolding(value: unknown, { sizeBytes }: BlobName): Holding {
  const { availableBytes, whole } = (value ?? {}) as Record<string, unknown>;
  const isAmount = Number.isSafeInteger(availableBytes) && (availableBytes as number) >= 0;
  if (isAmount && (availableBytes as number) <= sizeBytes && typeof whole === 'boolean')
    return { availableBytes: availableBytes as number, whole };
  throw new ScapError('protocol_violation', 'Cannot use what the target said of a blob');
}
