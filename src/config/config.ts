/** What scap is configured to do: the parsed, complete form of `scap.yaml`, every default filled in, every path absolute. */

export interface Config {
  /** The file it was read from; `undefined` when {@link Config.embedded}. */
  readonly source: string | undefined;
  /** No file was found and the built-in default applies. */
  readonly embedded: boolean;
  /** Directory to deploy; `undefined` only in embedded mode, where the command line names it. */
  readonly staging: string | undefined;
  /** The deploy host's own directory. */
  readonly state: string;
  /** Patterns in gitignore's syntax, relative to {@link Config.staging}. */
  readonly exclude: readonly string[];
  /** Share of files or bytes (0 to 1) a revision may lose against the live one before it is refused. */
  readonly maxShrinkRatio: number;
  /** How many deploys the deploy host keeps the revisions of; at least 2. */
  readonly keepDeploys: number;
  readonly timeouts: TimeoutSettings;
  /** In the order of the file; at least one. */
  readonly hosts: readonly HostSettings[];
  /** In the order of the file; at least one. */
  readonly groups: readonly GroupSettings[];
  /** What is allowed but probably not meant, as `file:line:column: path: text`. */
  readonly warnings: readonly string[];
}

export interface TimeoutSettings {
  readonly fetchMs: number;
  readonly promoteMs: number;
  readonly finalizeMs: number;
  readonly connectMs: number;
}

/** Ways to reach a host that this version knows. */
export type Transport = 'local';

/** One entry of `hosts`, completed from `target`. */
export interface HostSettings {
  /** A name, or ranges standing for several: `mw[1001:1010]`. Not yet expanded. */
  readonly pattern: string;
  /** Where it is written, `file:line:column`. */
  readonly where: string | undefined;
  readonly transport: Transport;
  /** Absolute; may hold `{name}` and `{n}`. */
  readonly cache: string;
  /** Absolute; may hold `{name}` and `{n}`. */
  readonly live: string;
  /** Values may hold `{name}` and `{n}`. */
  readonly labels: Readonly<Record<string, string>>;
  /** How many complete revisions the host keeps; at least 2. */
  readonly keepRevisions: number;
  /** How long after it was live a revision is neither pruned nor recycled. */
  readonly graceTimeMs: number;
}

export interface GroupSettings {
  readonly name: string;
  /** Where it is written, `file:line:column`. */
  readonly where: string | undefined;
  /** Selectors; at least one. */
  readonly hosts: readonly string[];
  readonly failureBudget: FailureBudget;
}

/** How many hosts of a group may fail: a count, or a share of the group (0 to 100). */
export type FailureBudget = { readonly hosts: number } | { readonly percent: number };
