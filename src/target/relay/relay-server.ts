/**
 * A source: serves blobs, whole ones and ones that still arrive, to children that hold a ticket.
 *
 * It listens while there are tickets that nobody has used, and not a moment longer; children that were let in are served to their end.
 */
import type { TLSSocket } from 'node:tls';
import { ScapError } from '../../core/errors.ts';
import type { Blob } from './blob-file.ts';
import type { BlobServer, BlobServerPlace, GrantOptions } from './blob-server.ts';
import { createGrants } from './grants.ts';
import { type HangUp, type Listener, openListener } from './listener.ts';
import { createRateLimit } from './rate-limit.ts';
import { type Served, serveChild } from './serve-child.ts';
import type { RelayTicket } from './ticket.ts';
import { createRequestReader, encodeAcceptance, encodeRefusal, type Refusal, type RelayRequest } from './wire.ts';

export interface RelayServerOptions extends BlobServerPlace {
  readonly limits?: Partial<RelayServerLimits> | undefined;
  /** Told once for each child that was let in and accepted, when it is at its end. */
  readonly onServed?: ((report: ServedReport) => void) | undefined;
  /** Told of everybody who was turned away. */
  readonly onRefused?: ((report: RefusedReport) => void) | undefined;
}

export interface RelayServerLimits {
  /** For the TLS handshake, and again for the request. */
  readonly greetingMs: number;
  /** So long a child may take nothing of what is there for it: within this time a piece of 256 KiB has to be gone. */
  readonly stallMs: number;
  /** How often a child that waits is told that its source is there. */
  readonly aliveEveryMs: number;
}

/** A child gives its source up after 30 s without a word: several signs of life may be lost on the way. */
const defaultLimits: RelayServerLimits = { greetingMs: 10_000, stallMs: 60_000, aliveEveryMs: 5_000 };

export interface ServedReport extends Served {
  /** As the grant named it. */
  readonly child: string;
  readonly sha256: string;
  readonly offset: number;
}

export interface RefusedReport {
  /** Where the connection came from. */
  readonly address: string;
  readonly reason: HangUp | Refusal;
  /** Known once the key was. */
  readonly child?: string | undefined;
}

export function createRelayServer(options: RelayServerOptions): BlobServer {
  return new Server(options);
}

interface Grant {
  readonly blob: Blob;
  readonly child: string;
}

class Server implements BlobServer {
  readonly #options: RelayServerOptions;
  readonly #limits: RelayServerLimits;
  readonly #rate;
  readonly #grants = createGrants<Grant>(() => this.#stopListening());
  readonly #peers = new Map<TLSSocket, Promise<void>>();
  readonly #closing = new Set<Promise<void>>();
  #listening: Promise<Listener> | undefined;
  #isClosed = false;

  constructor(options: RelayServerOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#rate = createRateLimit(options.bwlimit ?? 0);
  }

  /** Nothing: a file that is open stays readable, wherever it is moved to. */
  keep(): void {}

  async grant(blob: Blob, { child, ttlMs }: GrantOptions): Promise<RelayTicket> {
    if (this.#isClosed) throw new ScapError('relay_unavailable', 'Cannot serve other hosts: the relay is closed');
    return this.#grants.ticket({ blob, child }, ttlMs, async () => {
      const { port } = await this.#listen();
      return { address: this.#options.address, port };
    });
  }

  revoke(identity: string): void {
    this.#grants.revoke(identity);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#grants.revokeAll();
    const serving = [...this.#peers.values()];
    for (const socket of this.#peers.keys()) socket.destroy();
    await Promise.all([...serving, ...this.#closing]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #listen(): Promise<Listener> {
    const { address, ports, onRefused } = this.#options;
    this.#listening ??= openListener({
      address,
      ports,
      handshakeMs: this.#limits.greetingMs,
      keyOf: (identity) => this.#grants.keyOf(identity),
      onPeer: (socket, identity) => this.#welcome(socket, identity),
      onHangUp: (reason, from) => onRefused?.({ address: from, reason }),
    });
    return this.#listening;
  }

  #stopListening(): void {
    // What failed to open is told to those who asked for it.
    const closing = this.#listening?.then((listener) => listener.close()).catch(() => {});
    this.#listening = undefined;
    if (closing === undefined) return;
    this.#closing.add(closing);
    void closing.then(() => this.#closing.delete(closing));
  }

  #welcome(socket: TLSSocket, identity: string): void {
    const address = socket.remoteAddress ?? '';
    const grant = this.#grants.redeem(identity);
    const serving = this.#serve(socket, grant, address).finally(() => this.#peers.delete(socket));
    this.#peers.set(socket, serving);
  }

  async #serve(socket: TLSSocket, grant: Grant | undefined, address: string): Promise<void> {
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const gone = new AbortController();
    void closed.then(() => gone.abort());
    const request = await readRequest(socket, this.#limits.greetingMs);
    const refusal = grant === undefined ? 'key_used' : refusalOf(request, grant.blob);
    socket.setTimeout(this.#limits.stallMs, () => socket.destroy());
    if (refusal !== undefined || grant === undefined || request === undefined) {
      this.#options.onRefused?.({ address, reason: refusal ?? 'bad_request', child: grant?.child });
      socket.end(encodeRefusal(refusal ?? 'bad_request'));
    } else {
      socket.write(encodeAcceptance(grant.blob.name.sizeBytes));
      const { offset, sha256 } = request;
      const { aliveEveryMs } = this.#limits;
      const served = await serveChild(socket, grant.blob, {
        offset,
        limit: this.#rate,
        aliveEveryMs,
        signal: gone.signal,
      });
      this.#options.onServed?.({ child: grant.child, sha256, offset, ...served });
    }
    // It was told; a child that does not hang up now is hung up on.
    const late = setTimeout(() => socket.destroy(), this.#limits.greetingMs);
    await closed;
    clearTimeout(late);
  }
}

function refusalOf(request: RelayRequest | undefined, { name }: Blob): Refusal | undefined {
  if (request === undefined) return 'bad_request';
  if (request.sha256 !== name.sha256) return 'wrong_blob';
  return request.offset > name.sizeBytes ? 'bad_offset' : undefined;
}

/** Resolves with the request, or with nothing for one that makes no sense or does not come. Whatever comes after it ends the connection. */
function readRequest(socket: TLSSocket, withinMs: number): Promise<RelayRequest | undefined> {
  return new Promise((resolve) => {
    const reader = createRequestReader();
    let isRead = false;
    const settle = (request: RelayRequest | undefined) => {
      isRead = true;
      clearTimeout(late);
      resolve(request);
    };
    const late = setTimeout(settle, withinMs, undefined);
    socket.once('close', () => settle(undefined));
    socket.on('data', (chunk: Buffer) => {
      if (isRead) return void socket.destroy();
      try {
        const request = reader.push(chunk);
        if (request !== undefined) settle(request);
      } catch {
        settle(undefined);
      }
    });
  });
}
