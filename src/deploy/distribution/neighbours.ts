/**
 * Hosts that have a revision and stand near new ones. From there it is brought to them, rather than from afar: a site is served by its own.
 */
import { ScapError, toErrorReport } from '../../core/errors.ts';
import { withPatience } from '../../core/patience.ts';
import type { Sha } from '../../core/sha.ts';
import type { EventBus } from '../../events/event.ts';
import type { Host } from '../../inventory/host.ts';
import type { BlobName } from '../../target/relay/blob-name.ts';
import type { Place } from '../fanout/fanout.ts';
import { elsewhere, nearnessOf } from '../fanout/nearness.ts';
import type { Fleet } from '../fleet.ts';
import { type Listening, makeBlob } from '../relay-client.ts';
import type { RunAdmission } from '../target-client.ts';
import type { Peer } from './copy-blob.ts';

/** A target that has a revision, and the complete bundle it has made of it. */
export interface Origin extends Peer {
  readonly blob: BlobName;
}

export interface Neighbours extends AsyncDisposable {
  /**
   * Finds the nearest host with the revision at the site of `host`, the same for all of a site, and has it make a bundle. `undefined`: there is none, or
   * none that can. Never throws.
   */
  find(revision: Sha, host: Host): Promise<Origin | undefined>;
}

export interface NeighbourOptions {
  /** The hosts of the run. */
  readonly fleet: Fleet;
  /** Every host of the inventory. */
  readonly hosts: Iterable<Host>;
  /** Reads what each host was last seen to serve; asked only when somebody needs a neighbour. */
  readonly readLastSeen: () => ReadonlyMap<string, { readonly live: Sha | null }>;
  /** Reaches hosts that take no part in the run. */
  readonly openFleet: (hosts: readonly Host[]) => Fleet;
  readonly admission: RunAdmission;
  readonly listening: Listening;
  /** For the making of one bundle, in milliseconds. */
  readonly timeoutMs: number;
  readonly bus: EventBus;
  readonly signal: AbortSignal;
}

/** So many hosts of a site are asked before the deploy host does it itself. */
const mostAsked = 2;
/** A bundle is packed from packs, at a hundred megabytes per second or so; whoever is much slower is no good source either. */
const patienceMs = 120_000;

export function createNeighbours(options: NeighbourOptions): Neighbours {
  const { bus, signal } = options;
  const origins = new Map<string, Promise<Origin | undefined>>();
  const outsiders: Fleet[] = [];
  const reach = ({ host, isInRun }: Candidate): Fleet => {
    if (isInRun) return options.fleet;
    const fleet = options.openFleet([host]);
    outsiders.push(fleet);
    return fleet;
  };
  const find = async (revision: Sha, near: Host): Promise<Origin | undefined> => {
    for (const candidate of (await listCandidates(revision, near, options)).slice(0, mostAsked)) {
      try {
        // Not with a deadline of its own: that would cost a host of the run its connection.
        const asked = askForBundle(revision, candidate.host, reach(candidate), options);
        const origin = await withPatience(asked, patienceMs);
        if (origin !== undefined) return origin;
        throw new ScapError('request_timeout', `Cannot make a bundle: not ready after ${patienceMs / 1000} s`);
      } catch (error) {
        if (signal.aborted) return undefined;
        bus.emit('neighbour.failed', { host: candidate.host.name, error: toErrorReport(error) });
      }
    }
    return undefined;
  };
  return {
    find: (revision, near) => {
      const { site } = near.labels;
      if (site === undefined) return Promise.resolve(undefined);
      const key = `${revision} ${site}`;
      const known = origins.get(key) ?? find(revision, near).catch(() => undefined);
      origins.set(key, known);
      return known;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(outsiders.map((fleet) => fleet[Symbol.asyncDispose]()));
    },
  };
}

interface Candidate {
  readonly host: Host;
  readonly isInRun: boolean;
}

/** Those of the site that have the revision, as far as is known; nearest first, and of those the ones that are connected already. */
async function listCandidates(
  revision: Sha,
  near: Host,
  { fleet, hosts, readLastSeen }: NeighbourOptions,
): Promise<readonly Candidate[]> {
  const members = await fleet.survey();
  const lastSeen = readLastSeen();
  const inRun = new Set(members.map(({ host }) => host.name));
  const candidates = [
    ...members.flatMap(({ host, report }) => (report?.complete.includes(revision) ? [{ host, isInRun: true }] : [])),
    ...[...hosts].flatMap((host) =>
      !inRun.has(host.name) && lastSeen.get(host.name)?.live === revision ? [{ host, isInRun: false }] : [],
    ),
  ];
  const distance = ({ host }: Candidate) => nearnessOf(placeOf(host), placeOf(near));
  return candidates
    .filter((candidate) => candidate.host.name !== near.name && distance(candidate) < elsewhere)
    .sort((a, b) => distance(a) - distance(b));
}

function placeOf({ labels: { site, rack } }: Host): Place {
  return { site, rack };
}

async function askForBundle(
  revision: Sha,
  host: Host,
  fleet: Fleet,
  { admission, listening, timeoutMs, signal }: NeighbourOptions,
): Promise<Origin> {
  const connection = await fleet.begun(host.name, admission, signal);
  const blob = await makeBlob(connection, revision, listening, { timeoutMs, signal });
  return { host, connection, blob };
}
