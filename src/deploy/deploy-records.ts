/**
 * `deploys.jsonl`: one line per run, appended when it has ended. A run that was killed has a log but no line; the next run adds one that says
 * so. Numbers never repeat: they are the fence.
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  truncateSync,
} from 'node:fs';
import { isSystemError, ScapError } from '../core/errors.ts';
import { isSha, type Sha } from '../core/sha.ts';
import type { HostCounts, HostState, RunOutcome } from '../events/event.ts';
import { writeFileAtomic } from '../system/atomic-file.ts';
import type { StateLayout } from './state-layout.ts';

export interface DeployRecord {
  readonly n: number;
  readonly plan: string;
  readonly kind: string;
  readonly sha: Sha;
  readonly previous: Sha | null;
  readonly user: string;
  readonly host: string;
  readonly message: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly outcome: RunOutcome;
  readonly counts: HostCounts | null;
  readonly hosts: Readonly<Record<string, HostState>>;
}

/** Reads every record, oldest first. A last line cut short by a crash is passed over. Throws `io_failed` for any other that is no record. */
export function readDeployRecords(layout: StateLayout): DeployRecord[] {
  const lines = readLines(layout.deploys);
  return lines.flatMap((line, at) => {
    const record = parseRecord(line);
    if (record !== undefined) return [record];
    if (at === lines.length - 1 && !isJson(line)) return [];
    throw new ScapError('io_failed', `Cannot read "${layout.deploys}": line ${at + 1} is no record of a run`, {
      hint: 'Repair or remove that line; each line is one run',
    });
  });
}

/** Checks what others rely on; the rest is for people to read. */
function parseRecord(line: string): DeployRecord | undefined {
  try {
    const record = JSON.parse(line) as DeployRecord | null;
    const { n, sha, hosts, outcome } = record ?? ({} as Partial<DeployRecord>);
    const isNumber = Number.isSafeInteger(n) && (n as number) > 0 && (n as number) < Number.MAX_SAFE_INTEGER;
    return isNumber && isSha(sha) && typeof outcome === 'string' && typeof hosts === 'object' && hosts !== null
      ? (record as DeployRecord)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Appends a record durably. */
export function appendDeployRecord(layout: StateLayout, record: DeployRecord): void {
  mendLastLine(layout.deploys);
  const fd = openSync(layout.deploys, 'a', 0o644);
  try {
    appendFileSync(fd, `${JSON.stringify(record)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Drops records durably: all, or after a crash none. The others stay byte for byte. */
export function dropDeployRecords(layout: StateLayout, numbers: ReadonlySet<number>): void {
  if (numbers.size === 0) return;
  const kept = readLines(layout.deploys).filter((line) => !numbers.has(numberOf(line)));
  writeFileAtomic(layout.deploys, kept.map((line) => `${line}\n`).join(''));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function numberOf(line: string): number {
  return parseRecord(line)?.n ?? Number.NaN;
}

/** Numbers of runs that have a log, whether or not they ended. */
export function listRunLogs(layout: StateLayout): Map<number, string> {
  try {
    const names = readdirSync(layout.logs).filter((name) => /^\d+-[0-9a-f]{12}\.jsonl$/.test(name));
    return new Map(names.map((name) => [Number(name.split('-')[0]), name]));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return new Map();
    throw error;
  }
}

/** The number of the next run: above every record and every log. */
export function nextRunNumber(layout: StateLayout): number {
  return Math.max(0, ...readDeployRecords(layout).map(({ n }) => n), ...listRunLogs(layout).keys()) + 1;
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Ends a last line that lacks its end, and takes away one that a crash cut short: with more lines after it, it would pass for damage. */
function mendLastLine(path: string): void {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const start = text.lastIndexOf('\n') + 1;
  if (start === text.length) return;
  try {
    JSON.parse(text.slice(start));
    appendFileSync(path, '\n');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    truncateSync(path, Buffer.byteLength(text.slice(0, start)));
  }
}
