import type { HostName } from '../core/host-name.ts';

/** A target with everything that is known of it; one per name. */
export interface Host {
  readonly name: HostName;
  /** The name of the group it belongs to: the first that names it. */
  readonly group: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly transport: 'local';
  /** Absolute directory of the target's own data. */
  readonly cache: string;
  /** Absolute path of the symlink that is served. */
  readonly live: string;
  /** How many complete revisions it keeps; at least 2. */
  readonly keepRevisions: number;
  /** How long after it was live a revision is neither pruned nor recycled. */
  readonly graceTimeMs: number;
}
