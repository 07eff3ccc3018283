/**
 * What every host serves, compared with what should be live.
 */
import { type ErrorReport, ScapError, toErrorReport, unusableState } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import { settleAll } from '../core/settle-all.ts';
import { type Sha, shortSha } from '../core/sha.ts';
import { type LockHolder, probeLock } from '../system/file-lock.ts';
import type { LivePath } from '../target/live-path.ts';
import type { Unreverted } from '../target/unconfirmed.ts';
import { readAllRecords } from './aborted-runs.ts';
import { type DeployHost, type Hold, hostConcurrency, openFleet, openForReading, readHold } from './deploy-host.ts';
import type { DeployRecord } from './deploy-records.ts';
import type { Fleet, FleetMember } from './fleet.ts';
import { verifyLive } from './inspect.ts';
import { selectTargets } from './selection.ts';
import { type LastSeen, readLastSeen } from './sightings.ts';
import type { VerifyReport } from './target-client.ts';

/**
 * `current`: serves what it should. `drifted`: does, but its files were changed. `broken`: what it serves is not complete, or gone.
 * `foreign`: something at its live path is not ours. `unknown`: it could be reached and not be asked.
 * `failed`: it answered, and cannot be used, say without Node. `unreachable`: it did not answer, or was not to be trusted.
 */
export type ServingState = (typeof servingStates)[number];

const servingStates = [
  'current',
  'behind',
  'drifted',
  'broken',
  'empty',
  'foreign',
  'unknown-revision',
  'unknown',
  'failed',
  'unreachable',
] as const;

export interface HostStatus {
  readonly host: HostName;
  readonly group: string;
  readonly state: ServingState;
  readonly live: LivePath | undefined;
  /** Milliseconds since 1970. */
  readonly liveSince: number | undefined;
  readonly previous: Sha | undefined;
  readonly complete: readonly Sha[];
  /** How many files of the live revision are not as they should be; `undefined` when that could not be told. */
  readonly drift: number | undefined;
  readonly error: ErrorReport | undefined;
  /** What this deploy host last knew of a host that does not say itself; `undefined` also when it never knew. */
  readonly lastSeen: LastSeen | undefined;
}

export interface FleetStatus {
  readonly desired: Sha | undefined;
  readonly newest: Sha | undefined;
  readonly lastDeploy: DeployRecord | undefined;
  readonly hold: Hold | undefined;
  readonly running: LockHolder | undefined;
  readonly hosts: readonly HostStatus[];
  /** How many hosts are in each state; states of no host are left out. */
  readonly counts: Readonly<Partial<Record<ServingState, number>>>;
  /** Hosts of the inventory that were not asked for. */
  readonly skipped: readonly HostName[];
}

export interface StatusRequest {
  /** A selector of the hosts to ask. Default: all. */
  readonly limit?: string | undefined;
}

/** Asks every selected host; each is in the answer, whatever it says. */
export async function readFleetStatus(host: DeployHost, { limit }: StatusRequest = {}): Promise<FleetStatus> {
  const { hosts: selected, skipped } = selectTargets(host.inventory, [limit]);
  const repository = await openForReading(host);
  await using fleet = openFleet(host, selected);
  const members = await fleet.survey();
  const desired = repository.live();
  const known = repository.revisions();
  const settled = await settleAll(members, { limit: hostConcurrency, signal: host.signal }, (member) =>
    readHostStatus(host, fleet, member, { desired, known }),
  );
  const lastSeen = readLastSeen(host.layout);
  const hosts = settled.flatMap((item, at): HostStatus[] => {
    const member = members[at];
    if (member === undefined) return [];
    const found =
      item.status === 'fulfilled'
        ? item.value
        : {
            ...describe(member),
            state: 'unknown' as const,
            error: toErrorReport(item.status === 'rejected' ? item.reason : new Error('stopped before it was asked')),
          };
    return [{ ...found, lastSeen: found.live === undefined ? lastSeen.get(found.host) : undefined }];
  });
  return {
    desired,
    newest: repository.main(),
    lastDeploy: readAllRecords(host.layout, host.operator.host).at(-1),
    hold: readHold(host.layout),
    running: probeLock(host.layout.lock),
    hosts,
    counts: countServing(hosts),
    skipped,
  };
}

/** Counts states in the order in which people want to read them: what is well first. */
function countServing(hosts: readonly HostStatus[]): FleetStatus['counts'] {
  const counts = servingStates.map((state) => [state, hosts.filter((host) => host.state === state).length] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

interface Desired {
  readonly desired: Sha | undefined;
  readonly known: ReadonlySet<Sha>;
}

async function readHostStatus(
  host: DeployHost,
  fleet: Fleet,
  member: FleetMember,
  wanted: Desired,
): Promise<SaidStatus> {
  const { report } = member;
  if (report === undefined)
    return { ...describe(member), state: unusableState(member.error.code), error: toErrorReport(member.error) };
  const verified = report.live.kind === 'revision' ? await verifyLive(host, fleet, member.host.name, false) : undefined;
  return {
    ...describe(member),
    state: judgeServing(report.live, wanted, verified),
    drift: verified?.problem ? undefined : verified?.drift.length,
    error: verified?.problem ?? (report.unreverted && toErrorReport(notReverted(report.unreverted))),
  };
}

/** What a host says of itself. */
type SaidStatus = Omit<HostStatus, 'lastSeen'>;

function notReverted({ revision, previous, message }: Unreverted): ScapError {
  const wanted = previous === null ? 'nothing' : shortSha(previous);
  return new ScapError(
    'rollback_failed',
    `Lost its deploy host and could not go back from ${shortSha(revision)} to ${wanted}: ${message}`,
    { hint: 'Bring it to what should be live with: scap push' },
  );
}

/** What the survey alone tells. */
function describe({ host: { name, group }, report }: FleetMember): Omit<SaidStatus, 'state' | 'error'> {
  return {
    host: name,
    group,
    live: report?.live,
    liveSince: report?.liveSince ?? undefined,
    previous: report?.previous ?? undefined,
    complete: report?.complete ?? [],
    drift: undefined,
  };
}

/** Decides which state a host is in, from what it says and what verifying found. */
export function judgeServing(
  live: LivePath,
  { desired, known }: Desired,
  verified: VerifyReport | undefined,
): ServingState {
  if (live.kind === 'absent') return 'empty';
  if (live.kind !== 'revision') return 'foreign';
  if (!known.has(live.sha)) return 'unknown-revision';
  if (verified?.problem !== undefined) return 'broken';
  if (verified !== undefined && verified.drift.length > 0) return 'drifted';
  return live.sha === desired ? 'current' : 'behind';
}
