import { toDisplayPath } from '../../core/byte-path.ts';
import { type ExitStatus, exitStatus, isUnreachable } from '../../core/errors.ts';
import { shortSha } from '../../core/sha.ts';
import { openForReading } from '../../deploy/deploy-host.ts';
import { type HostVerification, verifyFleet } from '../../deploy/inspect.ts';
import type { VerifyReport } from '../../deploy/target-client.ts';
import { repair } from '../../deploy/upkeep.ts';
import { toOneLine } from '../../report/plain-text.ts';
import { toCommandResult } from '../deploy-result.ts';
import type { Io } from '../io.ts';
import { type CommonOptions, runSession } from '../session.ts';

export interface VerifyOptions extends CommonOptions {
  readonly deep?: boolean | undefined;
  readonly repair?: boolean | undefined;
  readonly wait?: number | undefined;
  readonly limit?: string | undefined;
}

/** How many paths are listed per host for people; `--json` has them all. */
const listedPaths = 20;

/** `scap verify`: exit 1 when some host's files are not what they should be, or could not be looked at, or it serves none of ours. */
export function runVerify(io: Io, options: VerifyOptions): Promise<ExitStatus> {
  return runSession(io, options, async (session) => {
    const deep = options.deep === true;
    const { limit } = options;
    const hosts = await verifyFleet(session.host, { deep, limit });
    const drifted = new Map(
      hosts.flatMap((found) =>
        needsRepair(found) ? [[found.host, found.report?.revision ?? undefined] as const] : [],
      ),
    );
    if (options.repair && drifted.size > 0) {
      return toCommandResult(session, await repair(session.host, { drifted, deep, limit, waitMs: options.wait ?? 0 }));
    }
    const isDeployed = (await openForReading(session.host)).live() !== undefined;
    const whole = hosts.every(
      ({ report, error }) =>
        error === undefined && report !== undefined && isWhole(report) && !(isDeployed && report.revision === null),
    );
    return {
      status: whole ? exitStatus.ok : exitStatus.partial,
      json: { ok: whole, deep, hosts: hosts.map(toJson) },
      text: hosts.flatMap((found) => formatVerification(found, isDeployed)).join('\n'),
    };
  });
}

/** A host that serves nothing, or cannot be reached, has nothing to repair; one that could not be verified has. */
function needsRepair({ report, error }: HostVerification): boolean {
  if (error !== undefined) return !isUnreachable(error.code) && error.code !== 'interrupted';
  return report?.revision != null && !isWhole(report);
}

function isWhole({ problem, drift }: VerifyReport): boolean {
  return problem === undefined && drift.length === 0;
}

function toJson({ host, report, error }: HostVerification) {
  return {
    host,
    revision: report?.revision ?? null,
    drift: report?.drift.map(({ path, kind }) => ({ path: toDisplayPath(path), kind })) ?? [],
    error: error ?? report?.problem ?? null,
  };
}

function formatVerification({ host, report, error }: HostVerification, isDeployed: boolean): string[] {
  const problem = error ?? report?.problem;
  if (problem) return [`${host}: ${toOneLine(problem.message)}`];
  if (!report?.revision)
    return [`${host}: ${isDeployed ? `serves no revision; bring it up with: scap seed ${host}` : 'serves nothing'}`];
  const { drift, revision } = report;
  if (drift.length === 0) return [`${host}: revision ${shortSha(revision)} is whole`];
  const shown = drift
    .slice(0, listedPaths)
    .map(({ path, kind }) => `  ${kind.padEnd(7)} ${toDisplayPath(path) || '.'}`);
  const more = drift.length > shown.length ? [`  … and ${drift.length - shown.length} more`] : [];
  return [
    `${host}: revision ${shortSha(revision)} was changed on disk in ${drift.length === 1 ? 'one place' : `${drift.length} places`}; repair it with: scap verify --repair`,
    ...shown,
    ...more,
  ];
}
