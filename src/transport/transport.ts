import type { HostName } from '../core/host-name.ts';
import type { Connection, ConnectOptions } from './connection.ts';

/** What a transport must know of a target. */
export interface Endpoint {
  readonly name: HostName;
  /** The target's cache directory and live path, as the target sees them. */
  readonly cache: string;
  readonly live: string;
  /** How to reach it, where that is not by its name and by defaults; for transports over a network. */
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
}

/**
 * A way to a target. Each implementation passes the same conformance suite (`test/contract`).
 *
 * `connect` starts the agent on the target and returns when it has said hello. It throws `target_unreachable` or a more telling error; it
 * never leaves a process behind when it throws.
 */
export interface Transport {
  connect(endpoint: Endpoint, options: ConnectOptions): Promise<Connection>;
  /** Throws what keeps this transport from reaching any host at all; asked before the first one is connected to. */
  readonly check?: () => void;
}
