/** What distributing bundles is about: who gets them, and how they came. */
import type { FanoutSettings } from '../../config/config.ts';
import type { HostName } from '../../core/host-name.ts';
import type { EventBus } from '../../events/event.ts';
import type { Host } from '../../inventory/host.ts';
import type { Connection } from '../../transport/connection.ts';
import type { AgentNotice } from '../../transport/protocol.ts';

/** A target that wants the blob. */
export interface Receiver {
  readonly host: Host;
  /** The run has begun on it. */
  readonly connection: Connection;
  notify(notice: AgentNotice): void;
  /** Told what it holds of the bundle already, before anything is sent. What it throws, `bring` throws. */
  admit?(heldBytes: number): void;
}

/** How a bundle came to a target. */
export interface Arrival {
  /** As a blob, whatever carried it. */
  readonly relayed: boolean;
  /** How many hosts the last of its bytes passed from the deploy host on, the target included. */
  readonly tier: number;
  /** What the deploy host sent to it. */
  readonly sentBytes: number;
  /** What an interrupted run had left there. */
  readonly resumedBytes: number;
  /** What came from other targets. */
  readonly bytesFrom: ReadonlyMap<HostName, number>;
}

/** Straight from the deploy host, in one piece. */
export function directArrival({ sizeBytes }: { readonly sizeBytes: number }): Arrival {
  return { relayed: false, tier: 1, sentBytes: sizeBytes, resumedBytes: 0, bytesFrom: new Map() };
}

export interface DistributorOptions {
  readonly fanout: FanoutSettings;
  /** For one copy, in milliseconds. */
  readonly timeoutMs: number;
  readonly bus: EventBus;
  readonly signal: AbortSignal;
}
