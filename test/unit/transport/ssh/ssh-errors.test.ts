import { describe, expect, it } from 'vitest';
import { isUnreachable } from '../../../../src/core/errors.ts';
import { type FailureFacts, type SshFailure, toConnectError } from '../../../../src/transport/ssh/ssh-errors.ts';

const facts: FailureFacts = {
  destination: { name: 'mw1', address: '10.0.0.1', port: 2222, user: 'mwdeploy', knownHosts: ['/kh'] },
  timeoutMs: 10_000,
  passedOver: [],
  offered: 1,
};
const errorOf = (failure: Partial<SshFailure>, more: Partial<FailureFacts> = {}) =>
  toConnectError({ message: 'x', ...failure }, { ...facts, ...more });

describe('[B48] toConnectError', () => {
  it.each([
    [{ level: 'client-socket', code: 'ECONNREFUSED' }, 'connection_refused', 'nothing listens at 10.0.0.1 port 2222'],
    [{ level: 'client-socket', code: 'ETIMEDOUT' }, 'connect_timeout', 'no answer from 10.0.0.1 port 2222'],
    [{ level: 'client-timeout' }, 'connect_timeout', 'after 10000 ms'],
    [{ level: 'client-dns', code: 'ENOTFOUND' }, 'name_unknown', 'the name "10.0.0.1" cannot be resolved'],
    [{ level: 'client-socket', code: 'EHOSTUNREACH' }, 'target_unreachable', 'there is no route'],
    [{ level: 'protocol', message: 'Connection lost before handshake' }, 'handshake_lost', 'closed the connection'],
    [{ level: 'client-socket', code: 'ECONNRESET' }, 'handshake_lost', 'closed the connection'],
    [{ level: 'handshake-lost', message: 'the connection was closed' }, 'handshake_lost', 'closed the connection'],
    [{ level: 'handshake', message: 'no matching key exchange algorithm' }, 'target_unreachable', 'no matching key'],
  ])('%o is %s', (failure, code, words) => {
    const error = errorOf(failure);
    expect(error).toMatchObject({ code, hint: expect.any(String) });
    expect(error.message).toContain('Cannot reach mw1: ');
    expect(error.message).toContain(words);
    expect(isUnreachable(error.code)).toBe(true);
  });

  it('a refused login says as whom, with how many keys, and which named ones could not be used', () => {
    const failure = { level: 'client-authentication', message: 'All configured authentication methods failed' };
    expect(errorOf(failure)).toMatchObject({
      code: 'auth_refused',
      message: 'Cannot log in on mw1 as mwdeploy: the one key offered was not accepted',
    });
    expect(errorOf(failure, { offered: 0, passedOver: ['"/k": it is encrypted'] }).message).toBe(
      'Cannot log in on mw1 as mwdeploy: there was no key to offer; not used: "/k": it is encrypted',
    );
  });

  it.each([
    [{ kind: 'unknown' }, 'host_key_unknown', 'is not known', 'scap hosts trust mw1'],
    [
      {
        kind: 'changed',
        recorded: [{ type: 'ssh-ed25519', fingerprint: 'SHA256:old', source: '/kh', line: 3 }],
      },
      'host_key_changed',
      'recorded is SHA256:old ("/kh" line 3)',
      "ssh-keygen -R '[10.0.0.1]:2222' -f /kh",
    ],
    [{ kind: 'revoked', source: '/kh', line: 4 }, 'host_key_refused', 'is revoked ("/kh" line 4)', 'scap hosts trust'],
    [
      { kind: 'certificate-authority', source: '/kh', line: 5 },
      'host_key_refused',
      'only a certificate authority is recorded',
      'scap hosts trust mw1',
    ],
  ] as const)('a host key that is %o is %s', (verdict, code, words, hint) => {
    const error = errorOf(
      { level: 'handshake', message: 'Host denied (verification failed)' },
      { hostKey: { verdict: verdict as never, type: 'ssh-ed25519', fingerprint: 'SHA256:new' } },
    );
    expect(error.code).toBe(code);
    expect(error.message).toContain('ssh-ed25519 SHA256:new');
    expect(error.message).toContain(words);
    expect(error.hint).toContain(hint);
  });
});
