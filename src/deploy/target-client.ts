/**
 * What the deploy host asks of one target, typed. Everything a target answers is untrusted until it went through here.
 */
import { fromEncodedPath } from '../core/byte-path.ts';
import { type ErrorReport, isErrorCode, ScapError } from '../core/errors.ts';
import { isSha, type Sha } from '../core/sha.ts';
import type { LivePath } from '../target/live-path.ts';
import type { Unreverted } from '../target/unconfirmed.ts';
import type { Drift } from '../target/verify.ts';
import type { Connection, RequestOptions } from '../transport/connection.ts';
import type { Payload } from '../transport/payload.ts';
import { parseErrorReport } from '../transport/protocol.ts';

/** What a target says about itself; see `target/probe`. */
export interface TargetReport {
  readonly live: LivePath;
  readonly previous: Sha | null;
  readonly complete: readonly Sha[];
  readonly held: readonly Sha[];
  readonly fence: number;
  readonly liveSince: number | null;
  readonly unreverted: Unreverted | undefined;
  readonly freeBytes: number;
  readonly freeInodes: number;
}

export interface VerifyReport {
  readonly revision: Sha | null;
  readonly drift: readonly Drift[];
  readonly problem: ErrorReport | undefined;
}

type Options = Omit<RequestOptions, 'payload'>;

export async function probe(connection: Connection, options: Options): Promise<TargetReport> {
  const value = record(await connection.request('probe', {}, options));
  return {
    live: toLivePath(record(value.live)),
    previous: shaOrNull(value.previous),
    complete: array(value.complete).map((item) => sha(record(item).sha)),
    held: array(value.held).map(sha),
    fence: fence(value.fence),
    liveSince: value.liveSince === null ? null : number(value.liveSince),
    unreverted: toUnreverted(value.unreverted),
    freeBytes: number(value.freeBytes),
    freeInodes: number(value.freeInodes),
  };
}

/** How a run presents itself to a target. */
export interface RunAdmission {
  /** Its number: a target refuses runs below the highest it has seen. */
  readonly fence: number;
  /** Tells it from another run of the same number. */
  readonly run: string;
  /** Told to whoever finds the target busy. */
  readonly reason: string;
}

/** Takes the target's lock and has it admit the run. */
export async function begin(connection: Connection, admission: RunAdmission, options: Options): Promise<void> {
  await connection.request('begin', admission, options);
}

export async function send(connection: Connection, sha256: string, payload: Payload, options: Options): Promise<void> {
  await connection.request('receive', { sha256, sizeBytes: payload.sizeBytes }, { ...options, payload });
}

/** Runs a stage; its result is data for events, and for whoever knows the stage. */
export async function runStage(
  connection: Connection,
  stage: string,
  params: Readonly<Record<string, unknown>>,
  options: Options,
): Promise<Readonly<Record<string, unknown>>> {
  return record(await connection.request('stage', { ...params, stage }, { title: stage, ...options }));
}

/** Tells the target that what it was promoted to stays. Throws `world_moved` when it serves something else by now. */
export async function confirm(connection: Connection, revision: Sha, options: Options): Promise<void> {
  await connection.request('confirm', { revision }, options);
}

export async function verify(
  connection: Connection,
  params: { revision?: Sha; deep: boolean },
  options: Options,
): Promise<VerifyReport> {
  const value = record(await connection.request('verify', params, options));
  const drift = array(value.drift).map((item) => {
    const { path, kind } = record(item);
    if (!isDriftKind(kind)) throw nonsense(item);
    return { path: fromEncodedPath(String(path)), kind };
  });
  const problem = parseErrorReport(value.problem);
  return {
    revision: shaOrNull(value.revision),
    drift,
    problem: problem && isErrorCode(problem.code) ? problem : undefined,
  };
}

/** Has a target look ahead of a fetch at what the fetch will build on. Changes nothing there. */
export async function warm(connection: Connection, options: Options): Promise<void> {
  await connection.request('warm', {}, options);
}

/** Has a target answer at once, which tells how far its clock is off; see {@link Connection.clock}. */
export async function askClock(connection: Connection, options: Options): Promise<void> {
  await connection.request('clock', {}, options);
}

/** Which revisions a target would prune under this rule. */
export async function listPrunable(
  connection: Connection,
  rule: { keep: number; graceMs: number },
  options: Options,
): Promise<Sha[]> {
  return array(record(await connection.request('prunable', rule, options)).prunable).map(sha);
}

function toLivePath(value: Record<string, unknown>): LivePath {
  if (value.kind === 'absent') return { kind: 'absent' };
  if (value.kind === 'revision') return { kind: 'revision', sha: sha(value.sha) };
  if (value.kind === 'directory' || value.kind === 'file' || value.kind === 'foreign-link')
    return { kind: value.kind, detail: String(value.detail) };
  throw nonsense(value);
}

function toUnreverted(value: unknown): Unreverted | undefined {
  if (value === null || value === undefined) return undefined;
  const { revision, previous, at, message } = record(value);
  return { revision: sha(revision), previous: shaOrNull(previous), at: number(at), message: String(message) };
}

function isDriftKind(value: unknown): value is Drift['kind'] {
  return value === 'changed' || value === 'missing' || value === 'extra' || value === 'mode';
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw nonsense(value);
}

function array(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw nonsense(value);
}

function number(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw nonsense(value);
}

/** Who takes over numbers the run above it: a number that leaves no room for others would end all deploying. */
const highestFence = 1e12;

function fence(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= highestFence)
    return value as number;
  throw nonsense(value);
}

function sha(value: unknown): Sha {
  if (isSha(value)) return value;
  throw nonsense(value);
}

function shaOrNull(value: unknown): Sha | null {
  return value === null || value === undefined ? null : sha(value);
}

function nonsense(value: unknown): ScapError {
  return new ScapError(
    'protocol_violation',
    `Cannot use what the target answered: ${JSON.stringify(value)?.slice(0, 120) ?? 'nothing'}`,
  );
}
