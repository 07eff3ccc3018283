/**
 * TLS as relays use it: 1.3 only, a pre-shared key of one use instead of certificates (RFC 8446 §2.2, external PSK with an ephemeral key
 * exchange, so a recorded transfer stays secret when its key leaks later). No resumption: see `relay-server` for who is let in.
 */
import { constants } from 'node:crypto';
import type { ConnectionOptions, TlsOptions } from 'node:tls';
import type { RelayTicket } from './ticket.ts';

/** An external key is bound to a hash, SHA-256, so the cipher has to be one of those. */
const common = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' } as const;

/** How much a socket reads ahead while the last bytes are being written: few system calls, bounded memory. */
export const readAheadBytes = 256 * 1024;

export const sourceTlsOptions: TlsOptions = { ...common, secureOptions: constants.SSL_OP_NO_TICKET };

export function childTlsOptions({ address, port, identity, key }: RelayTicket): ConnectionOptions {
  return {
    ...common,
    host: address,
    port,
    servername: '',
    rejectUnauthorized: true,
    pskCallback: () => ({ identity, psk: Buffer.from(key, 'hex') }),
    // Asked only when the source shows a certificate instead of the key, and no certificate proves that it is the one we were sent to.
    checkServerIdentity: () => new Error('the source does not know the key'),
    ...{ highWaterMark: readAheadBytes },
  };
}
