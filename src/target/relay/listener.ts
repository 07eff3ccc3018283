/**
 * Lets in whoever knows a key, and nobody else: TLS with pre-shared keys on one address and the first free port of a range.
 *
 * The name of a key crosses the network in the clear, so naming one proves nothing; only a finished handshake does. A connection that was
 * resumed instead (a session ticket of an earlier one) has named no key, and is hung up on: a key is good once.
 */
import type { Socket } from 'node:net';
import { createServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import type { PortRange } from '../../core/port-range.ts';
import { listenInRange } from './listen-in-range.ts';
import { sourceTlsOptions } from './relay-tls.ts';

/** Why a stranger was hung up on. */
export type HangUp = 'handshake_failed' | 'too_slow' | 'too_many';

export interface ListenerOptions {
  /** The one IP address to listen on. */
  readonly address: string;
  readonly ports: PortRange;
  /** For the handshake, from the first packet to the last, however it trickles in. */
  readonly handshakeMs: number;
  keyOf(identity: string): Buffer | undefined;
  /** Somebody who knows the key `identity`; it may be used up already. The socket is the callee's. */
  onPeer(socket: TLSSocket, identity: string): void;
  onHangUp(why: HangUp, address: string): void;
}

export interface Listener {
  readonly port: number;
  /** Hangs up on strangers and frees the port, at once. Those who were let in stay; resolves when the last of them is gone. */
  close(): Promise<void>;
}

/** So many may be in the handshake at a time: a stranger can hold up new children for `handshakeMs`, never fill the memory. */
const maxStrangers = 64;

/** Listens on the first port of the range that is free. Throws as {@link listenInRange}. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  return listenInRange(options, (port) => createListener(options, port));
}

function createListener(options: ListenerOptions, port: number): Listener & { readonly server: TlsServer } {
  const strangers = new Map<string, Socket>();
  const named = new WeakMap<TLSSocket, string>();
  const server = createServer({
    ...sourceTlsOptions,
    pskCallback: (socket, identity) => {
      const key = options.keyOf(identity);
      if (key === undefined) return null;
      named.set(socket, identity);
      return key;
    },
  });
  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    const hangUp = (why: HangUp) => {
      options.onHangUp(why, socket.remoteAddress ?? '');
      socket.destroy();
    };
    socket.on('error', () => {});
    if (strangers.size >= maxStrangers) return hangUp('too_many');
    strangers.set(peer, socket);
    const late = setTimeout(() => strangers.has(peer) && hangUp('too_slow'), options.handshakeMs);
    socket.once('close', () => {
      clearTimeout(late);
      strangers.delete(peer);
    });
  });
  server.on('tlsClientError', (_error, socket) => {
    const peer = peerOf(socket);
    if (strangers.delete(peer)) options.onHangUp('handshake_failed', socket.remoteAddress ?? '');
    socket.destroy();
  });
  server.on('secureConnection', (socket) => {
    strangers.delete(peerOf(socket));
    socket.on('error', () => {});
    const identity = named.get(socket);
    if (identity === undefined) socket.destroy();
    else options.onPeer(socket, identity);
  });
  return {
    server,
    port,
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of strangers.values()) socket.destroy();
      return closed;
    },
  };
}

/** Tells connections apart; an address and port on the other side has one connection to this port at a time. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
