/**
 * What the deploy host knows while one blob is on its way to the targets that want it. Data only; `applyReports` tells how it changes and
 * `planStep` what follows from it.
 */
import type { HostName } from '../../core/host-name.ts';

/** The deploy host as a source. The space keeps it apart from every name a target can have. */
export const deployHost = 'deploy host';

/** Who others copy from. */
export type Source = HostName | typeof deployHost;

/** Where a machine stands, as far as the labels say. */
export interface Place {
  readonly site: string | undefined;
  /** Names of racks are only compared within a site. */
  readonly rack: string | undefined;
}

export interface FanoutRules {
  /** Whether a source relays while it receives, or must be whole first (rsync). */
  readonly mode: 'pipelined' | 'store-and-forward';
  /** At most so many copies at once from one source, the deploy host included; at least 1. */
  readonly degree: number;
  /** The deploy host sends at most so many blobs in all, while nothing is lost; at least 1. */
  readonly egressBlobs: number;
  /** At most so many copies at once from the deploy host to targets that nobody else could serve; at least 1. */
  readonly rescueDegree: number;
  /** A smaller blob goes to every target straight from the deploy host, over its control connection. */
  readonly thresholdBytes: number;
  /** A target is given up when so many copies to it have failed, and no longer copied from when so many from it have; at least 1. */
  readonly attempts: number;
  /** A copy is slow below this share of the rate its target could expect from another source; between 0 and 1. */
  readonly slowFraction: number;
}

export type FanoutHost = Place & {
  readonly name: HostName;
  /** `whole` is said by the target itself, after it has checked the blob's hash. */
  readonly status: 'waiting' | 'receiving' | 'whole' | 'failed';
  /** How many bytes it holds, counted from the blob's first. */
  readonly offset: number;
  /** Set while it is receiving. */
  readonly from: Source | undefined;
  /** Bytes per second of the copy it is receiving, once they were measured. */
  readonly rate: number | undefined;
  /** How many copies to it have failed. */
  readonly failures: number;
  /** How many copies from it have failed. */
  readonly misses: number;
  /** How often a slow copy was taken from it or given to it. Which of the two ends was to blame is never known, so both are chosen last. */
  readonly slowness: number;
  /** Sources that a copy to it has failed from or was slow from. */
  readonly tried: ReadonlySet<Source>;
  /** It has received bytes with another hash, so it copies only from who has checked theirs. */
  readonly wasCorrupt: boolean;
  /** Why it failed. */
  readonly loss: 'gone' | 'given-up' | undefined;
};

export interface Fanout {
  readonly blob: { readonly sha256: string; readonly sizeBytes: number };
  readonly rules: FanoutRules;
  readonly deployHostPlace: Place;
  /** In the inventory's order. */
  readonly hosts: ReadonlyMap<HostName, FanoutHost>;
  /** What has arrived of all that the deploy host sent. */
  readonly sentBytes: number;
  /** Copies that failed, copies from the deploy host that were too slow, and targets that went away. Each may cost it the blob once more. */
  readonly losses: number;
  /** The best rate measured so far over each distance, by `Nearness`; bytes per second. */
  readonly bestRates: readonly (number | undefined)[];
}

/** A target that wants the blob, or has it. */
export type Wanting = Place & {
  readonly name: HostName;
  /** What it holds from an earlier, interrupted copy; default: nothing. */
  readonly offset?: number;
  /** It has the blob already, and may be copied from. */
  readonly whole?: boolean;
};

/** The state of affairs before the first step. Names must be distinct. */
export function startFanout(
  given: Pick<Fanout, 'blob' | 'rules' | 'deployHostPlace'> & { readonly hosts: readonly Wanting[] },
): Fanout {
  const { blob, rules, deployHostPlace, hosts } = given;
  const none = { blob, rules, deployHostPlace, hosts: new Map(), sentBytes: 0, losses: 0, bestRates: [] };
  return joinFanout(none, hosts);
}

/** More targets want the blob. One that is known already begins anew: its agent is another. O(hosts). */
export function joinFanout(fanout: Fanout, joining: readonly Wanting[]): Fanout {
  if (joining.length === 0) return fanout;
  const hosts = new Map(fanout.hosts);
  for (const host of joining) hosts.set(host.name, toHost(host, fanout.blob.sizeBytes));
  return { ...fanout, hosts };
}

function toHost({ name, site, rack, offset = 0, whole = false }: Wanting, sizeBytes: number): FanoutHost {
  return {
    name,
    site,
    rack,
    status: whole ? 'whole' : 'waiting',
    offset: whole ? sizeBytes : Math.min(offset, sizeBytes),
    from: undefined,
    rate: undefined,
    failures: 0,
    misses: 0,
    slowness: 0,
    tried: new Set(),
    wasCorrupt: false,
    loss: undefined,
  };
}

/** Whether every target has ended: it holds the blob, or it is known to have failed and why. */
export function isSettled({ hosts }: Fanout): boolean {
  return [...hosts.values()].every(({ status }) => status === 'whole' || status === 'failed');
}

/** Whether others may be sent to this target for bytes: it still answers, and has not failed too many of them. */
export function isTrusted({ misses, status }: FanoutHost, { attempts }: FanoutRules): boolean {
  return status !== 'failed' && misses < attempts;
}
