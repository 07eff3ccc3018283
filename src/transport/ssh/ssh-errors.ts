/**
 * What went wrong on the way to a host, told apart: each cause has its own code, sentence and hint. Pure.
 */
import { ScapError } from '../../core/errors.ts';
import type { HostKeyVerdict } from './known-hosts.ts';
import type { Destination } from './settings.ts';

/** As much of an error of ssh2, or of a socket, as tells its kind. */
export interface SshFailure {
  readonly level?: string;
  readonly code?: string;
  readonly message: string;
}

export interface FailureFacts {
  readonly destination: Pick<Destination, 'name' | 'address' | 'port' | 'user' | 'knownHosts'>;
  readonly timeoutMs: number;
  /** What was said about the host's key, if it came to that. */
  readonly hostKey?:
    | { readonly verdict: HostKeyVerdict; readonly type: string; readonly fingerprint: string }
    | undefined;
  /** Why keys that were named could not be offered. */
  readonly passedOver: readonly string[];
  /** How many keys were offered. */
  readonly offered: number;
}

/** The error to report for a connection that did not come about. */
export function toConnectError(failure: SshFailure, facts: FailureFacts): ScapError {
  const { destination, hostKey } = facts;
  if (hostKey !== undefined && hostKey.verdict.kind !== 'known') return hostKeyError(destination, hostKey);
  const { name, address, port, user } = destination;
  const where = `${address} port ${port}`;
  const data = { host: name, address, port };
  const unreachable = (code: ConstructorParameters<typeof ScapError>[0], why: string, hint: string) =>
    new ScapError(code, `Cannot reach ${name}: ${why}`, { hint, data, cause: failure });
  if (failure.level === 'client-authentication' || isRefusedEarly(failure)) {
    const offered =
      facts.offered === 0
        ? 'there was no key to offer'
        : `${facts.offered === 1 ? 'the one key offered was not' : `none of ${facts.offered} keys was`} accepted`;
    const passed = facts.passedOver.length > 0 ? `; not used: ${facts.passedOver.join('; ')}` : '';
    return new ScapError('auth_refused', `Cannot log in on ${name} as ${user}: ${offered}${passed}`, {
      hint:
        facts.offered === 0 && facts.passedOver.length > 0
          ? 'Name a key that can be read with "ssh.identityFile" in scap.yaml'
          : `Put the public key into ~${user}/.ssh/authorized_keys there, or set "ssh.identityFile" or the user in scap.yaml`,
      data: { ...data, user },
      cause: failure,
    });
  }
  if (failure.level === 'client-timeout' || failure.code === 'ETIMEDOUT')
    return unreachable(
      'connect_timeout',
      `no answer from ${where} after ${facts.timeoutMs} ms`,
      'Is the host up, and does a firewall let the port through?',
    );
  switch (failure.code) {
    case 'ECONNREFUSED':
      return unreachable('connection_refused', `nothing listens at ${where}`, 'Is sshd running there, on that port?');
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NONAME':
      return unreachable(
        'name_unknown',
        `the name "${address}" cannot be resolved`,
        'Set "address" for the host in scap.yaml, or mend the name service',
      );
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return unreachable(
        'target_unreachable',
        `there is no route to ${where}`,
        'Is the host up, and the network between?',
      );
  }
  if (isLostBeforeSession(failure))
    return unreachable(
      'handshake_lost',
      `${where} closed the connection before the session began`,
      'Too many connections at once (MaxStartups)? Lower "ssh.maxStarts"; or look into the log of sshd there',
    );
  return unreachable(
    'target_unreachable',
    `${failure.message} (${where})`,
    `Try by hand: ssh -p ${port} ${user}@${address}`,
  );
}

/** A server with a small MaxAuthTries ends the connection before all keys were tried; only its words tell that. */
function isRefusedEarly({ message }: SshFailure): boolean {
  return /too many authentication failures/i.test(message);
}

/** An sshd that is asked too much at once closes connections; trying again a little later helps. */
function isLostBeforeSession({ level, code, message }: SshFailure): boolean {
  if (code === 'ECONNRESET' || code === 'EPIPE') return true;
  return (
    level === 'handshake-lost' ||
    /connection lost before handshake|connection ended|no response from server/i.test(message)
  );
}

function hostKeyError(
  { name, address, port, knownHosts }: FailureFacts['destination'],
  { verdict, type, fingerprint }: NonNullable<FailureFacts['hostKey']>,
): ScapError {
  const data = { host: name, address, port, type, fingerprint };
  const shown = `${type} ${fingerprint}`;
  const place = port === 22 ? address : `[${address}]:${port}`;
  switch (verdict.kind) {
    case 'changed': {
      const [recorded] = verdict.recorded;
      const line = recorded === undefined ? '' : ` ("${recorded.source}" line ${recorded.line})`;
      return new ScapError(
        'host_key_changed',
        `Refused to talk to ${name}: its host key is ${shown}, recorded is ${recorded?.fingerprint ?? 'another'}${line}`,
        {
          hint: `Somebody may be in between. If the host was installed anew: ssh-keygen -R '${place}'${knownHosts[0] === undefined ? '' : ` -f ${knownHosts[0]}`}, then: scap hosts trust ${name}`,
          data,
        },
      );
    }
    case 'revoked':
      return new ScapError(
        'host_key_refused',
        `Refused to talk to ${name}: its host key ${shown} is revoked ("${verdict.source}" line ${verdict.line})`,
        { hint: 'Give the host a new key, then: scap hosts trust', data },
      );
    case 'certificate-authority':
      return new ScapError(
        'host_key_refused',
        `Cannot check the host key of ${name}: only a certificate authority is recorded ("${verdict.source}" line ${verdict.line}), and it shows ${shown}`,
        {
          hint: `scap does not read host certificates; record the host's own key with: scap hosts trust ${name}`,
          data,
        },
      );
    default:
      return new ScapError('host_key_unknown', `Refused to talk to ${name}: its host key ${shown} is not known`, {
        hint: `Compare the fingerprint with the host's own, then: scap hosts trust ${name}`,
        data,
      });
  }
}
