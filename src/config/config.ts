/** What scap is configured to do: the parsed, complete form of `scap.yaml`, every default filled in, every path absolute. */

import type { PortRange } from '../core/port-range.ts';

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
  readonly ssh: SshSettings;
  readonly fanout: FanoutSettings;
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

/** How hosts of transport `ssh` are reached. */
export interface SshSettings {
  /** A file in the syntax of `~/.ssh/config`; `none` reads no such file, `undefined` the user's own. */
  readonly configFile: string | undefined;
  /** Absolute; empty leaves the choice to the ssh configuration and agent. */
  readonly identityFiles: readonly string[];
  /** Absolute; empty means the files ssh itself looks into. */
  readonly knownHosts: readonly string[];
  readonly connectTimeoutMs: number;
  /** How many connections are being opened at once. */
  readonly maxStarts: number;
  /** How many hosts are connected to, and asked what they have, at once. */
  readonly maxSessions: number;
  /** How often a silent connection is asked whether it still stands. */
  readonly keepAliveMs: number;
  /** As the option of ssh: `[user@]host[:port]`, several separated by commas, or `none`. */
  readonly proxyJump: string | undefined;
  /** Name or absolute path of Node on the targets. */
  readonly node: string | undefined;
}

/** How large blobs reach many targets. */
export interface FanoutSettings {
  /** At most so many copies at once from one source, the deploy host included; at least 1. */
  readonly degree: number;
  /** A smaller bundle goes to every target straight from the deploy host. */
  readonly thresholdBytes: number;
  /** What targets listen on, each for as long as others are expected. */
  readonly ports: PortRange;
  /** Bytes per second that one source of large bundles, the deploy host too, may send to all others together; 0: no limit. */
  readonly bytesPerSecond: number;
  /** What brings a large bundle from one to another. */
  readonly carrier: Carrier;
}

/** What carries large bundles: hosts pass on what they receive, or rsync fetches it from those that have all of it. */
export type Carrier = 'relay' | 'rsync';

/** Ways to reach a host. */
export type Transport = 'local' | 'ssh';

/** What a target does with what it has begun when the deploy host is gone in the middle of a run. */
export type OnControllerLoss = 'keep' | 'revert';

/** One entry of `hosts`, completed from `target`. */
export interface HostSettings {
  /** A name, or ranges standing for several: `mw[1001:1010]`. Not yet expanded. */
  readonly pattern: string;
  /** Where it is written, `file:line:column`. */
  readonly where: string | undefined;
  readonly transport: Transport;
  /** A name or an IP address, where it is not the host's own name; may hold `{name}` and `{n}`. */
  readonly address: string | undefined;
  /** `undefined` leaves it to the ssh configuration. */
  readonly user: string | undefined;
  /** 1 to 65535; `undefined` leaves it to the ssh configuration. */
  readonly port: number | undefined;
  /** Absolute as the target sees it; may hold `{name}` and `{n}`. */
  readonly cache: string;
  /** Absolute as the target sees it; may hold `{name}` and `{n}`. */
  readonly live: string;
  /** Values may hold `{name}` and `{n}`. */
  readonly labels: Readonly<Record<string, string>>;
  /** How many complete revisions the host keeps; at least 2. */
  readonly keepRevisions: number;
  /** How long after it was live a revision is neither pruned nor recycled. */
  readonly graceTimeMs: number;
  readonly onControllerLoss: OnControllerLoss;
}

export interface GroupSettings {
  readonly name: string;
  /** Where it is written, `file:line:column`. */
  readonly where: string | undefined;
  /** Selectors; at least one. */
  readonly hosts: readonly string[];
  readonly failureBudget: FailureBudget;
  /** How many hosts are promoted at once before the next ones; `undefined` is all of them. */
  readonly batch: BatchSize | undefined;
  /** How long to wait after each batch before what comes next. */
  readonly soakMs: number;
  /** How many promotions of the group run at once; `undefined` sets no limit of its own. */
  readonly concurrency: number | undefined;
}

/** How many hosts of a group may fail: a count, or a share of the group (0 to 100). */
export type FailureBudget = { readonly hosts: number } | { readonly percent: number };

/** A slice of a group: a count of at least 1, or a share of the group (above 0, up to 100). */
export type BatchSize = { readonly hosts: number } | { readonly percent: number };
