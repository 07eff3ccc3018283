import type { HostName } from '../core/host-name.ts';

/** A target with everything that is known of it; one per name. */
export interface Host {
  readonly name: HostName;
  /** The name of the group it belongs to: the first that names it. */
  readonly group: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly transport: 'local' | 'ssh';
  /** A name or an IP address; `undefined` when its name is where it is reached. */
  readonly address: string | undefined;
  /** Who to be on it; `undefined` leaves it to the ssh configuration. */
  readonly user: string | undefined;
  /** 1 to 65535; `undefined` leaves it to the ssh configuration. */
  readonly port: number | undefined;
  /** Absolute directory of the target's own data, as the target sees it. */
  readonly cache: string;
  /** Absolute path of the symlink that is served, as the target sees it. */
  readonly live: string;
  /** How many complete revisions it keeps; at least 2. */
  readonly keepRevisions: number;
  /** How long after it was live a revision is neither pruned nor recycled. */
  readonly graceTimeMs: number;
  /** What it does with what it has begun when the deploy host is gone in the middle of a run. */
  readonly onControllerLoss: 'keep' | 'revert';
}
