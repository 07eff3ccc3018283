/**
 * The right of one child to take one blob from one source, once, for a limited time: made by the source, handed to the child over the control
 * connections, which are encrypted and authenticated. Whoever holds a ticket can use it up: never log one.
 */
import { randomBytes } from 'node:crypto';
import { ScapError } from '../../core/errors.ts';

export interface RelayTicket {
  /** Where the source listens: an IP address, or a name that the child can resolve. */
  readonly address: string;
  readonly port: number;
  /** Names the key; 32 hex digits. Crosses the network in the clear, so it means nothing outside of the source. */
  readonly identity: string;
  /** The secret: 32 bytes as 64 hex digits. */
  readonly key: string;
}

export type TicketSecret = Pick<RelayTicket, 'identity' | 'key'>;

export function createTicketSecret(): TicketSecret {
  return { identity: randomBytes(16).toString('hex'), key: randomBytes(32).toString('hex') };
}

/** Parses a ticket that crossed the network; drops all it does not know. Throws `protocol_violation`, without the key. */
export function parseRelayTicket(value: unknown): RelayTicket {
  const { address, port, identity, key } = (value ?? {}) as Record<string, unknown>;
  const isPlace =
    typeof address === 'string' &&
    /^[\w.:%-]{1,255}$/.test(address) &&
    Number.isInteger(port) &&
    isPort(port as number);
  if (isPlace && isHex(identity, 32) && isHex(key, 64)) return { address, port: port as number, identity, key };
  throw new ScapError(
    'protocol_violation',
    'Cannot use a ticket for a source: expected "address", "port", "identity" and "key"',
  );
}

/** Where a source is, for people: `10.0.0.7:8730`. */
export function formatSource({ address, port }: Pick<RelayTicket, 'address' | 'port'>): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function isPort(value: number): boolean {
  return value >= 1 && value <= 65_535;
}

function isHex(value: unknown, digits: number): value is string {
  return typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value);
}
