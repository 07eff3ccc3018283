/**
 * The operations that only look: what every host serves, whether it is whole, what a revision is.
 */
import { type ErrorReport, ScapError, toErrorReport } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import { settleAll } from '../core/settle-all.ts';
import type { Sha } from '../core/sha.ts';
import type { Revision } from '../revision/deploy-repository.ts';
import { diffRevisions, type RevisionDifference } from '../revision/revision-diff.ts';
import { readAllRecords } from './aborted-runs.ts';
import { type DeployHost, hostConcurrency, openFleet, openForReading } from './deploy-host.ts';
import type { DeployRecord } from './deploy-records.ts';
import { madeLive, readLiveHistory } from './rollback-target.ts';
import { selectTargets } from './selection.ts';
import { listPrunable, type VerifyReport, verify } from './target-client.ts';
import type { CleanRequest } from './upkeep.ts';

export interface HostVerification {
  readonly host: HostName;
  readonly report: VerifyReport | undefined;
  readonly error: ErrorReport | undefined;
}

export interface VerifyRequest {
  /** Hash every byte. */
  readonly deep: boolean;
  /** A selector of the hosts to look at. Default: all. */
  readonly limit?: string | undefined;
}

/** Looks for drift in what each host serves. */
export async function verifyFleet(host: DeployHost, { deep, limit }: VerifyRequest): Promise<HostVerification[]> {
  await using fleet = openFleet(host, selectTargets(host.inventory, [limit]).hosts);
  const members = await fleet.survey();
  const settled = await settleAll(members, { limit: hostConcurrency, signal: host.signal }, ({ host: { name } }) =>
    verifyLive(host, fleet, name, deep),
  );
  return settled.map((item, at) => {
    const name = members[at]?.host.name as HostName;
    if (item.status === 'fulfilled') return { host: name, report: item.value, error: undefined };
    const reason =
      item.status === 'rejected' ? item.reason : new ScapError('interrupted', `Stopped before ${name} was verified`);
    return { host: name, report: undefined, error: toErrorReport(reason) };
  });
}

/** Looks for drift in what one host serves; `deep` hashes every byte. */
export async function verifyLive(
  host: DeployHost,
  fleet: ReturnType<typeof openFleet>,
  name: HostName,
  deep: boolean,
): Promise<VerifyReport> {
  const connection = await fleet.connection(name);
  return verify(connection, { deep }, { timeoutMs: host.config.timeouts.fetchMs, signal: host.signal });
}

export interface PruningPreview {
  readonly host: HostName;
  readonly prune: readonly Sha[];
  readonly error: ErrorReport | undefined;
}

/** What `clean` would prune where. */
export async function previewPruning(
  host: DeployHost,
  rule: Pick<CleanRequest, 'keep' | 'graceMs' | 'limit'>,
): Promise<PruningPreview[]> {
  await using fleet = openFleet(host, selectTargets(host.inventory, [rule.limit]).hosts);
  const members = await fleet.survey();
  const settled = await settleAll(
    members,
    { limit: hostConcurrency, signal: host.signal },
    async ({ host: { name, keepRevisions, graceTimeMs } }) => {
      const connection = await fleet.connection(name);
      const wanted = { keep: rule.keep ?? keepRevisions, graceMs: rule.graceMs ?? graceTimeMs };
      return listPrunable(connection, wanted, { timeoutMs: host.config.timeouts.finalizeMs, signal: host.signal });
    },
  );
  return settled.map((item, at) => ({
    host: members[at]?.host.name as HostName,
    prune: item.status === 'fulfilled' ? item.value : [],
    error: item.status === 'rejected' ? toErrorReport(item.reason) : undefined,
  }));
}

/** A deploy as `scap history` lists it. */
export interface PastRun {
  readonly record: DeployRecord;
  readonly live: boolean;
  /** Rolled back from, and not deployed again since. */
  readonly bad: boolean;
  /** Whether the deploy repository still holds the revision. */
  readonly held: boolean;
}

/** Every run, newest first. */
export async function readHistory(host: DeployHost): Promise<PastRun[]> {
  const repository = await openForReading(host);
  const records = readAllRecords(host.layout, host.operator.host);
  const { rolledBack } = readLiveHistory(records, repository.deploys(), repository.live());
  const live = repository.live();
  const currentRun = records.findLast((record) => record.sha === live && madeLive(record, repository.deploys()));
  return records
    .map((record) => ({
      record,
      live: record === currentRun,
      bad: rolledBack.has(record.sha),
      held: repository.has(record.sha),
    }))
    .reverse();
}

export interface ShownRevision {
  readonly revision: Revision;
  readonly live: boolean;
  /** What it changed, against `against`; `undefined` for the first revision. */
  readonly difference: RevisionDifference | undefined;
}

/** Describes a revision (default: what should be live) and how it differs from another (default: the one it was made from). */
export async function showRevision(
  host: DeployHost,
  name: string | undefined,
  other: string | undefined,
): Promise<ShownRevision> {
  const repository = await openForReading(host);
  const sha = name === undefined ? (repository.live() ?? repository.main()) : repository.resolve(name);
  if (sha === undefined)
    throw new ScapError('revision_unknown', 'Cannot show a revision: nothing was deployed yet', {
      hint: 'Deploy with: scap push PATH',
    });
  const revision = await repository.read(sha);
  // With two revisions the first is where one comes from, as in `git diff A B`.
  if (other !== undefined) {
    const to = await repository.read(repository.resolve(other));
    return {
      revision: to,
      live: to.sha === repository.live(),
      difference: await diffRevisions(repository, revision, to),
    };
  }
  const [parent] = revision.info.parents;
  const before = parent !== undefined && repository.has(parent) ? await repository.read(parent) : undefined;
  return {
    revision,
    live: sha === repository.live(),
    difference: before && (await diffRevisions(repository, before, revision)),
  };
}
