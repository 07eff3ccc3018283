import { createTicketSecret, type TicketSecret } from './ticket.ts';

/** Keys that were handed out and not used yet. */
export interface Grants<T> {
  /** Makes a key for `value`, good for one use within `ttlMs` milliseconds. */
  issue(value: T, ttlMs: number): TicketSecret;
  /** The key of that identity, as long as it is good. Looking does not use it up: whoever asks may not know the key. */
  keyOf(identity: string): Buffer | undefined;
  /** Uses the key up. Returns what it was for; `undefined` the second time, or too late. */
  redeem(identity: string): T | undefined;
  /** Takes a key back, used or not. */
  revoke(identity: string): void;
  revokeAll(): void;
}

interface Grant<T> {
  readonly value: T;
  readonly key: Buffer;
  readonly expiry: NodeJS.Timeout;
}

/** A timer set for longer fires at once. */
const maxTimerMs = 2 ** 31 - 1;

/** `onEmpty` is called each time the last key was used, expired or was taken back. */
export function createGrants<T>(onEmpty: () => void): Grants<T> {
  const grants = new Map<string, Grant<T>>();
  const remove = (identity: string): Grant<T> | undefined => {
    const grant = grants.get(identity);
    if (grant === undefined) return undefined;
    clearTimeout(grant.expiry);
    grants.delete(identity);
    if (grants.size === 0) onEmpty();
    return grant;
  };
  return {
    issue: (value, ttlMs) => {
      const secret = createTicketSecret();
      const expiry = setTimeout(() => remove(secret.identity), Math.min(ttlMs, maxTimerMs));
      grants.set(secret.identity, { value, key: Buffer.from(secret.key, 'hex'), expiry });
      return secret;
    },
    keyOf: (identity) => grants.get(identity)?.key,
    redeem: (identity) => remove(identity)?.value,
    revoke: remove,
    revokeAll: () => {
      for (const identity of [...grants.keys()]) remove(identity);
    },
  };
}
