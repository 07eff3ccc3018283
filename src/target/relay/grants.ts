import { createTicketSecret, type RelayTicket, type TicketSecret } from './ticket.ts';

/** Keys that were handed out and not used yet. */
export interface Grants<T> {
  /**
   * Makes a ticket for `value`, good for one use within `ttlMs` milliseconds. `open` makes sure that somebody listens; the key counts before that, so
   * nobody stops listening meanwhile. When it throws, the key is taken back.
   */
  ticket(value: T, ttlMs: number, open: () => Promise<Pick<RelayTicket, 'address' | 'port'>>): Promise<RelayTicket>;
  /** All keys that are good now, with what they are for. */
  list(): (TicketSecret & { readonly value: T })[];
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
    ticket: async (value, ttlMs, open) => {
      const secret = createTicketSecret();
      const expiry = setTimeout(() => remove(secret.identity), Math.min(ttlMs, maxTimerMs));
      grants.set(secret.identity, { value, key: Buffer.from(secret.key, 'hex'), expiry });
      try {
        return { ...(await open()), ...secret };
      } catch (error) {
        remove(secret.identity);
        throw error;
      }
    },
    list: () => [...grants].map(([identity, { key, value }]) => ({ identity, key: key.toString('hex'), value })),
    keyOf: (identity) => grants.get(identity)?.key,
    redeem: (identity) => remove(identity)?.value,
    revoke: remove,
    revokeAll: () => {
      for (const identity of [...grants.keys()]) remove(identity);
    },
  };
}
