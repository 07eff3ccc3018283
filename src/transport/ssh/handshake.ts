/**
 * One attempt at one connection: verified host key, keys only, never a prompt.
 */
import { connect } from 'node:net';
import type { Algorithms, ClientChannel, ConnectConfig } from 'ssh2';
import { countKeys, type Identities, toAuthMethods } from './identities.ts';
import { stopped } from './jump-hosts.ts';
import { fingerprint, judgeHostKey, type KnownHosts, keyType, knownKeyTypes } from './known-hosts.ts';
import { createLink, type Link } from './link.ts';
import type { Ssh2 } from './load-ssh2.ts';
import type { Destination, SshSettings } from './settings.ts';
import { type FailureFacts, type SshFailure, toConnectError } from './ssh-errors.ts';

export interface Handshake {
  readonly destination: Destination;
  readonly identities: Identities;
  readonly knownHosts: readonly KnownHosts[];
  readonly settings: Pick<SshSettings, 'connectTimeoutMs' | 'keepAliveMs'>;
  /** A stream to the server; else a socket is opened. */
  readonly way: ClientChannel | undefined;
  readonly signal: AbortSignal | undefined;
}

/** What the keys of a server may be, in the order of preference. */
const hostKeyAlgorithms: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** Without SHA-1 anywhere; AES-GCM first, which node:crypto does at 800 MB/s. */
const algorithms = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group14-sha256',
  ],
  cipher: [
    'aes128-gcm@openssh.com',
    'aes256-gcm@openssh.com',
    'aes128-ctr',
    'aes256-ctr',
    'chacha20-poly1305@openssh.com',
  ],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
} as const satisfies Algorithms;

/**
 * Returns a connection that is logged in; its client has an `error` handler for its whole life. Throws the errors of {@link toConnectError}, or
 * `interrupted`; then nothing is left open.
 */
export function handshake(
  ssh2: Ssh2,
  { destination, identities, knownHosts, settings, way, signal }: Handshake,
): Promise<Link> {
  if (signal?.aborted) {
    way?.destroy();
    return Promise.reject(stopped(destination.name));
  }
  const { address, port, user, hostKeyAlias, name } = destination;
  const known = hostKeyAlias === undefined ? { host: address, port } : { host: hostKeyAlias, port: 22 };
  let hostKey: FailureFacts['hostKey'];
  const agentProblems: string[] = [];
  // Nagle's algorithm would hold back every second small message for as long as the server delays its acknowledgements.
  const stream = way ?? connect({ host: address, port, noDelay: true });
  const config: ConnectConfig = {
    sock: stream,
    username: user,
    algorithms: { ...algorithms, serverHostKey: orderKeyTypes(knownKeyTypes(knownHosts, known)) } as Algorithms,
    hostVerifier: (key: Buffer) => {
      const verdict = judgeHostKey(knownHosts, known, key);
      hostKey = { verdict, type: keyType(key), fingerprint: fingerprint(key) };
      return verdict.kind === 'known';
    },
    authHandler: toAuthMethods(identities.offered, user) as NonNullable<ConnectConfig['authHandler']>,
    readyTimeout: settings.connectTimeoutMs,
    keepaliveInterval: settings.keepAliveMs,
    keepaliveCountMax: 3,
  };
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    const link = createLink(client, stream);
    const end = () => {
      signal?.removeEventListener('abort', abort);
      link.destroy();
    };
    const abort = () => {
      end();
      reject(stopped(name));
    };
    const fail = (failure: SshFailure) => {
      end();
      const timeoutMs = settings.connectTimeoutMs;
      const passedOver = [...identities.passedOver, ...agentProblems];
      const offered = countKeys(identities.offered);
      reject(toConnectError(failure, { destination, timeoutMs, hostKey, passedOver, offered }));
    };
    // For the whole life of the client: an error without a listener would end the process.
    client.on('error', (error: Error & SshFailure) => {
      // ssh2 goes on with the next key.
      if (error.level === 'agent') agentProblems.push(`a key of the agent: ${error.message}`);
      else fail(error);
    });
    client.once('close', () => fail({ level: 'handshake-lost', message: 'the connection was closed' }));
    client.once('ready', () => {
      signal?.removeEventListener('abort', abort);
      resolve(link);
    });
    signal?.addEventListener('abort', abort, { once: true });
    try {
      client.connect(config);
    } catch (error) {
      stream.on('error', () => {});
      fail(error as Error);
    }
  });
}

/** Types that are recorded come first, as OpenSSH does it: else a server shows a key nobody has recorded. */
function orderKeyTypes(recorded: readonly string[]): string[] {
  const types = [...new Set([...recorded, ...Object.keys(hostKeyAlgorithms)])];
  return types.flatMap((type) => hostKeyAlgorithms[type] ?? []);
}
