/**
 * Asks a server for its host keys without trusting any, for `scap hosts trust`.
 */
import { connect } from 'node:net';
import type { Algorithms } from 'ssh2';
import { ScapError } from '../../core/errors.ts';
import { loadSsh2 } from './load-ssh2.ts';
import type { Destination } from './settings.ts';
import { type SshFailure, toConnectError } from './ssh-errors.ts';

/** One question for each type: a server shows the one key that was negotiated. */
const questions: readonly (readonly string[])[] = [
  ['ssh-ed25519'],
  ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
  ['rsa-sha2-512', 'rsa-sha2-256'],
];

/**
 * Returns the server's keys, at most one of each kind. Nothing is logged in to. Throws the errors of {@link toConnectError} when it cannot be
 * reached; a host behind a jump host is `config_invalid`: its keys are best read on the jump host.
 */
export async function collectHostKeys(destination: Destination, timeoutMs: number): Promise<Buffer[]> {
  if (destination.jumps.length > 0) {
    throw new ScapError(
      'config_invalid',
      `Cannot ask ${destination.name} for its host key: it lies behind a jump host`,
      {
        hint: `On the jump host: ssh-keyscan -p ${destination.port} ${destination.address}; put what it prints into known_hosts here`,
      },
    );
  }
  const keys: Buffer[] = [];
  let failure: ScapError | undefined;
  for (const wanted of questions) {
    try {
      const key = await ask(destination, wanted, timeoutMs);
      if (key !== undefined) keys.push(key);
    } catch (error) {
      if (!(error instanceof ScapError)) throw error;
      failure = error;
      break;
    }
  }
  if (keys.length === 0 && failure !== undefined) throw failure;
  return keys;
}

/** `undefined` when the server has no key of that kind. */
async function ask(
  destination: Destination,
  wanted: readonly string[],
  timeoutMs: number,
): Promise<Buffer | undefined> {
  const ssh2 = await loadSsh2();
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    const sock = connect({ host: destination.address, port: destination.port });
    const end = () => {
      client.destroy();
      sock.destroy();
    };
    const fail = (error: SshFailure) => {
      end();
      // Only this means that there is no such key; a connection that was cut off tells nothing.
      if (/no matching host key/i.test(error.message)) resolve(undefined);
      else reject(toConnectError(error, { destination, timeoutMs, passedOver: [], offered: 0 }));
    };
    client.on('error', (error: Error & SshFailure) => fail(error));
    client.once('close', () => fail({ level: 'handshake-lost', message: 'the connection was closed' }));
    client.connect({
      sock,
      username: destination.user,
      readyTimeout: timeoutMs,
      algorithms: { serverHostKey: [...wanted] } as unknown as Algorithms,
      hostVerifier: (key: Buffer) => {
        resolve(key);
        end();
        return false;
      },
    });
  });
}
