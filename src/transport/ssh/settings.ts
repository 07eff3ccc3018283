/** What the deploy host is told about SSH; a `Config`'s `ssh` section is one. */
export interface SshSettings {
  /** OpenSSH's client configuration: a file, `none`, or, when missing, where `ssh` itself looks. */
  readonly configFile: string | undefined;
  /** Private keys to offer; empty: what the client configuration says. */
  readonly identityFiles: readonly string[];
  /** Files of known host keys, the first of which new keys go to; empty: what the client configuration says. */
  readonly knownHosts: readonly string[];
  /** From the first packet to a session in which programs can be started. */
  readonly connectTimeoutMs: number;
  /** How many connections are being set up at once. */
  readonly maxStarts: number;
  readonly keepAliveMs: number;
  /** `[user@]host[:port]`, several separated by commas. */
  readonly proxyJump: string | undefined;
  /** Name or path of Node on the targets. */
  readonly node: string | undefined;
}

/** Where one connection goes, everything decided. */
export interface Destination {
  /** For messages. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** The name under which its key is known, when not by its address. */
  readonly hostKeyAlias: string | undefined;
  readonly knownHosts: readonly string[];
  readonly identities: IdentitySettings;
  /** Hosts to go through, the nearest first. */
  readonly jumps: readonly Destination[];
}

export interface IdentitySettings {
  readonly files: readonly string[];
  /** Socket of an authentication agent. */
  readonly agent: string | undefined;
  /** Of the agent's keys, only those that are also in `files`. */
  readonly only: boolean;
}
