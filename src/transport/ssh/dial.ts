/**
 * Opens SSH connections: verified host key, keys only, never a prompt, and never more handshakes at once than allowed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Algorithms, Client, ClientChannel, ConnectConfig } from 'ssh2';
import { ScapError } from '../../core/errors.ts';
import { type Identities, loadIdentities, toAuthMethods } from './identities.ts';
import { fingerprint, judgeHostKey, type KnownHosts, keyType, knownKeyTypes } from './known-hosts.ts';
import { readKnownHostsFiles } from './known-hosts-file.ts';
import { loadSsh2, type Ssh2 } from './load-ssh2.ts';
import type { Destination, IdentitySettings, SshSettings } from './settings.ts';
import { type FailureFacts, type SshFailure, toConnectError } from './ssh-errors.ts';

/** Connections that share keys, known hosts, jump hosts and the limit on handshakes. */
export interface Dialer {
  /**
   * Connects and authenticates. Throws the errors of {@link toConnectError}, or `interrupted`. The caller ends the client; an `error` handler is
   * in place for its whole life.
   */
  dial(destination: Destination, signal: AbortSignal | undefined): Promise<Client>;
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

/** How often a connection that was closed before its session is tried again, and the longest wait before each, in milliseconds. */
const retryWithinMs = [300, 900, 2000];

export function createDialer(settings: SshSettings, passphrase: string | undefined): Dialer {
  const limit = pLimit(settings.maxStarts);
  const keys = new Map<string, Promise<Identities>>();
  const known = new Map<string, readonly KnownHosts[]>();
  const jumps = new Map<string, SharedJump>();

  const identitiesOf = (ssh2: Ssh2, wanted: IdentitySettings) => {
    const key = JSON.stringify(wanted);
    const found = keys.get(key) ?? loadIdentities(ssh2, wanted, passphrase);
    keys.set(key, found);
    return found;
  };
  const knownHostsOf = (paths: readonly string[]) => {
    const key = paths.join('\0');
    const found = known.get(key) ?? readKnownHostsFiles(paths);
    known.set(key, found);
    return found;
  };

  const attempt = async (destination: Destination, signal: AbortSignal | undefined): Promise<Client> => {
    const ssh2 = await loadSsh2();
    const identities = await identitiesOf(ssh2, destination.identities);
    const way = await openWay(destination, signal);
    try {
      const client = await handshake(ssh2, {
        destination,
        identities,
        knownHosts: knownHostsOf(destination.knownHosts),
        settings,
        sock: way?.channel,
        signal,
      });
      client.once('close', () => way?.release());
      return client;
    } catch (error) {
      way?.release();
      throw error;
    }
  };

  /** The stream through the jump hosts, if there are any. */
  const openWay = async (destination: Destination, signal: AbortSignal | undefined) => {
    const jump = destination.jumps.at(-1);
    if (jump === undefined) return undefined;
    const through = { ...jump, jumps: destination.jumps.slice(0, -1) };
    const shared = takeJump(jumps, through, () => dialPatiently(through, signal));
    try {
      const client = await shared.client;
      return { channel: await forward(client, destination), release: shared.release };
    } catch (error) {
      shared.release();
      if (!(error instanceof ScapError)) throw error;
      throw new ScapError(error.code, `Cannot reach ${destination.name} through ${jump.name}: ${error.message}`, {
        hint: error.hint,
        data: error.data,
        cause: error,
      });
    }
  };

  const dialPatiently = async (destination: Destination, signal: AbortSignal | undefined): Promise<Client> => {
    for (const withinMs of retryWithinMs) {
      try {
        return await attempt(destination, signal);
      } catch (error) {
        if (!(error instanceof ScapError) || error.code !== 'handshake_lost') throw error;
        // Spread: those that were turned away together must not come back together.
        await sleep(withinMs * (0.3 + 0.7 * Math.random()), undefined, { signal }).catch(() => {});
      }
    }
    return attempt(destination, signal);
  };

  // Whoever is dialling through a jump host holds a place already; the jump itself takes none.
  return { dial: (destination, signal) => limit(() => dialPatiently(destination, signal)) };
}

interface SharedJump {
  readonly client: Promise<Client>;
  users: number;
}

/** One connection to a jump host serves everybody who goes through it; the last one closes it. */
function takeJump(jumps: Map<string, SharedJump>, jump: Destination, dial: () => Promise<Client>) {
  const key = JSON.stringify([jump.user, jump.address, jump.port, jump.jumps.map(({ address }) => address)]);
  const shared = jumps.get(key) ?? { client: dial(), users: 0 };
  jumps.set(key, shared);
  shared.users++;
  const forget = () => jumps.get(key) === shared && jumps.delete(key);
  shared.client.then((client) => client.once('close', forget), forget);
  let released = false;
  const release = () => {
    if (released) return;
    released = true;
    if (--shared.users > 0) return;
    forget();
    shared.client.then((client) => client.end()).catch(() => {});
  };
  return { client: shared.client, release };
}

function forward(client: Client, { name, address, port }: Destination): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.forwardOut('127.0.0.1', 0, address, port, (error, channel) => {
      if (error === undefined || error === null) resolve(channel);
      else
        reject(
          new ScapError(
            'connection_refused',
            `Cannot reach ${name}: the jump host cannot reach ${address} port ${port}: ${error.message}`,
            {
              hint: 'Is sshd running there, and may the jump host forward (AllowTcpForwarding)?',
              data: { host: name, address, port },
            },
          ),
        );
    });
  });
}

interface Handshake {
  readonly destination: Destination;
  readonly identities: Identities;
  readonly knownHosts: readonly KnownHosts[];
  readonly settings: SshSettings;
  readonly sock: ClientChannel | undefined;
  readonly signal: AbortSignal | undefined;
}

function handshake(ssh2: Ssh2, { destination, identities, knownHosts, settings, sock, signal }: Handshake) {
  const { address, port, user, hostKeyAlias, name } = destination;
  const known = hostKeyAlias === undefined ? { host: address, port } : { host: hostKeyAlias, port: 22 };
  let hostKey: FailureFacts['hostKey'];
  const config: ConnectConfig = {
    host: address,
    port,
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
    ...(sock !== undefined && { sock }),
  };
  return new Promise<Client>((resolve, reject) => {
    const client = new ssh2.Client();
    const end = () => {
      signal?.removeEventListener('abort', abort);
      client.destroy();
    };
    const abort = () => {
      end();
      reject(new ScapError('interrupted', `Stopped connecting to ${name} on request`));
    };
    const fail = (failure: SshFailure) => {
      end();
      const timeoutMs = settings.connectTimeoutMs;
      const { passedOver, offered } = identities;
      const error = toConnectError(failure, { destination, timeoutMs, hostKey, passedOver, offered: offered.length });
      reject(error);
    };
    // For the whole life of the client: an error without a listener would end the process.
    client.on('error', (error: Error & SshFailure) => fail(error));
    client.once('close', () => fail({ level: 'handshake-lost', message: 'the connection was closed' }));
    client.once('connect', () => client.setNoDelay(true));
    client.once('ready', () => {
      signal?.removeEventListener('abort', abort);
      resolve(client);
    });
    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort, { once: true });
    client.connect(config);
  });
}

/** Types that are recorded come first, as OpenSSH does it: else a server shows a key nobody has recorded. */
function orderKeyTypes(recorded: readonly string[]): string[] {
  const types = [...new Set([...recorded, ...Object.keys(hostKeyAlgorithms)])];
  return types.flatMap((type) => hostKeyAlgorithms[type] ?? []);
}
