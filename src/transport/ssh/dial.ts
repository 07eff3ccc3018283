/**
 * Opens SSH connections: through jump hosts, again when a server was asked too much, and never more handshakes at once than allowed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { ClientChannel } from 'ssh2';
import { ScapError } from '../../core/errors.ts';
import { handshake } from './handshake.ts';
import { type Identities, loadIdentities } from './identities.ts';
import { createJumpHosts, forward, stopped, untilAborted } from './jump-hosts.ts';
import type { KnownHosts } from './known-hosts.ts';
import { readKnownHostsFiles } from './known-hosts-file.ts';
import type { Link } from './link.ts';
import { loadSsh2, type Ssh2 } from './load-ssh2.ts';
import type { Destination, IdentitySettings, SshSettings } from './settings.ts';

/** Connections that share keys, known hosts, jump hosts and the limit on handshakes. */
export interface Dialer {
  /**
   * Connects and authenticates. Throws the errors of `toConnectError`, or `interrupted`. The caller ends the link; its client has an `error`
   * handler for its whole life.
   */
  dial(destination: Destination, signal: AbortSignal | undefined): Promise<Link>;
}

/** How often a connection that was closed before its session is tried again, and the longest wait before each, in milliseconds. */
const retryWithinMs = [300, 900, 2000];

/** A stream through jump hosts, and what to call when it is not needed any more. */
interface Way {
  readonly channel: ClientChannel | undefined;
  release(): void;
}

export function createDialer(settings: SshSettings, passphrase: string | undefined): Dialer {
  const limit = pLimit(settings.maxStarts);
  const keys = new Map<string, Promise<Identities>>();
  const known = new Map<string, readonly KnownHosts[]>();
  // Whoever is dialling through a jump host holds a place already; the jump itself takes none.
  const jumps = createJumpHosts((jump, signal) => dialPatiently(jump, signal));

  const identitiesOf = (ssh2: Ssh2, wanted: IdentitySettings) => {
    const key = JSON.stringify(wanted);
    const found = keys.get(key) ?? loadIdentities(ssh2, wanted, passphrase);
    keys.set(key, found);
    return found;
  };
  const knownHostsOf = (paths: readonly string[]) => {
    const key = paths.join('\0');
    const found = known.get(key) ?? readKnownHostsFiles(paths);
    known.set(key, found);
    return found;
  };

  const openWay = async (destination: Destination, signal: AbortSignal | undefined): Promise<Way> => {
    const jump = destination.jumps.at(-1);
    if (jump === undefined) return { channel: undefined, release: () => {} };
    const { link, release } = jumps.take({ ...jump, jumps: destination.jumps.slice(0, -1) });
    try {
      const through = await untilAborted(link, signal, destination.name);
      const patience = { timeoutMs: settings.connectTimeoutMs, signal };
      return { channel: await forward(through, destination, patience), release };
    } catch (error) {
      release();
      throw throughJump(error, destination.name, jump.name);
    }
  };

  const attempt = async (destination: Destination, way: Way, signal: AbortSignal | undefined): Promise<Link> => {
    try {
      const ssh2 = await loadSsh2();
      const identities = await identitiesOf(ssh2, destination.identities);
      const knownHosts = knownHostsOf(destination.knownHosts);
      const link = await handshake(ssh2, { destination, identities, knownHosts, settings, way: way.channel, signal });
      link.client.once('close', way.release);
      return link;
    } catch (error) {
      way.release();
      throw error;
    }
  };

  const dialPatiently = async (destination: Destination, signal: AbortSignal | undefined): Promise<Link> => {
    for (const withinMs of [...retryWithinMs, undefined]) {
      if (signal?.aborted) break;
      // Not within what is tried again: the jump host has been dialled as patiently already.
      const way = await openWay(destination, signal);
      try {
        return await attempt(destination, way, signal);
      } catch (error) {
        if (withinMs === undefined || !(error instanceof ScapError) || error.code !== 'handshake_lost') throw error;
        // Spread: those that were turned away together must not come back together.
        await sleep(withinMs * (0.3 + 0.7 * Math.random()), undefined, { signal }).catch(() => {});
      }
    }
    throw stopped(destination.name);
  };

  return { dial: (destination, signal) => limit(() => dialPatiently(destination, signal)) };
}

/** The key of a jump host is not for `scap hosts trust`, which knows hosts of the inventory only. */
function throughJump(error: unknown, name: string, jump: string): unknown {
  if (!(error instanceof ScapError) || error.code === 'interrupted') return error;
  return new ScapError(error.code, `Cannot reach ${name} through ${jump}: ${error.message}`, {
    hint: error.hint?.replace(`scap hosts trust ${jump}`, recordCommand(error)),
    data: { ...error.data, jump },
    cause: error,
  });
}

function recordCommand({ data }: ScapError): string {
  return `ssh-keyscan -p ${String(data.port)} ${String(data.address)}, and put the line into known_hosts`;
}
