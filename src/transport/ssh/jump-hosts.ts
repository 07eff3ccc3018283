import type { ClientChannel } from 'ssh2';
import { ScapError } from '../../core/errors.ts';
import type { Link } from './link.ts';
import type { Destination } from './settings.ts';

/** Connections to jump hosts: one to each serves everybody who goes through it. */
export interface JumpHosts {
  /**
   * Returns the connection to a jump host, which `dial` makes if there is none yet; every user waits with a signal of its own. The connection
   * ends, made or not, when the last user has released it. `release` may be called twice.
   */
  take(jump: Destination): { readonly link: Promise<Link>; release(): void };
}

type DialJump = (jump: Destination, signal: AbortSignal) => Promise<Link>;

export function createJumpHosts(dial: DialJump): JumpHosts {
  const jumps = new Map<string, { readonly link: Promise<Link>; readonly unwanted: AbortController; users: number }>();
  const open = (key: string, jump: Destination) => {
    const unwanted = new AbortController();
    const shared = { link: dial(jump, unwanted.signal), unwanted, users: 0 };
    const forget = () => {
      if (jumps.get(key) === shared) jumps.delete(key);
    };
    shared.link.then(({ client }) => client.once('close', forget), forget);
    jumps.set(key, shared);
    return shared;
  };
  return {
    take: (jump) => {
      const key = JSON.stringify([jump.user, jump.address, jump.port, jump.jumps.map(({ address }) => address)]);
      const shared = jumps.get(key) ?? open(key, jump);
      shared.users++;
      let isReleased = false;
      const release = () => {
        if (isReleased) return;
        isReleased = true;
        if (--shared.users > 0) return;
        if (jumps.get(key) === shared) jumps.delete(key);
        shared.unwanted.abort();
        shared.link.then((link) => link.end()).catch(() => {});
      };
      return { link: shared.link, release };
    },
  };
}

export interface Patience {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Opens a stream through a jump host. Throws `connection_refused`, `connect_timeout`, `handshake_lost` when the jump host itself is gone, or
 * `interrupted`.
 */
export function forward(
  { client }: Link,
  { name, address, port }: Destination,
  { timeoutMs, signal }: Patience,
): Promise<ClientChannel> {
  const where = `${address} port ${port}`;
  const data = { host: name, address, port };
  return new Promise((resolve, reject) => {
    let isOver = false;
    const settle = (act: () => void) => {
      isOver = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      act();
    };
    const abort = () => settle(() => reject(stopped(name)));
    const late = () =>
      new ScapError('connect_timeout', `no answer from ${where} after ${timeoutMs} ms`, {
        hint: 'Is the host up, and does a firewall let the jump host through?',
        data,
      });
    const timer = setTimeout(() => settle(() => reject(late())), timeoutMs);
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) return abort();
    try {
      client.forwardOut('127.0.0.1', 0, address, port, (error, channel) => {
        if (isOver) channel?.destroy();
        else if (error === undefined || error === null) settle(() => resolve(channel));
        else settle(() => reject(refused(`the jump host cannot reach ${where}: ${error.message}`, error)));
      });
    } catch (error) {
      settle(() =>
        reject(new ScapError('handshake_lost', 'the connection to the jump host was closed', { data, cause: error })),
      );
    }
  });

  function refused(why: string, cause: Error): ScapError {
    const hint = 'Is sshd running there, and may the jump host forward (AllowTcpForwarding)?';
    return new ScapError('connection_refused', why, { hint, data, cause });
  }
}

/** Waits for `work` unless the signal comes first; then `interrupted`. The work goes on. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined, name: string): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(stopped(name));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

export function stopped(name: string): ScapError {
  return new ScapError('interrupted', `Stopped connecting to ${name} on request`);
}
