import { parseOptions } from '../../program/parse-options.ts';
import { UsageError } from '../../usage-error.ts';
import { MEAN_BYTES, parseBytes, parseCount } from '../parse-arguments.ts';
import { parseHostCounts, REPORT_USAGE, type ReportRequest, reportOptions, toReportRequest } from '../table-bench.ts';

/** One fleet to be measured, and its staging tree. */
export interface FleetSize {
  readonly hostCount: number;
  readonly fileCount: number;
  readonly totalBytes: number;
}

export interface FleetRequest extends ReportRequest {
  readonly sizes: readonly FleetSize[];
  /** Measurements of each kind; the first push is made once. */
  readonly runs: number;
  /** `undefined`: namespaces where they can be had. */
  readonly mode: 'plain' | 'namespaces' | undefined;
}

export const FLEET_USAGE = `Usage: bench --fleet [options]

Measures scap next to stock tools that work over SSH, on throw-away SSH hosts of this machine (scripts/fleet), for each size of
fleet in turn: connecting, a one-file push, how far apart the hosts switch, processor time and memory of the deploying side.
Every host holds several copies of the tree, so large fleets get a smaller one unless --files is given; tables say which.

  --hosts A,B,C    numbers of hosts (default 4,16,64)
  --files N        files in the staging tree (default 70000 up to 4 hosts, 10000 up to 16, else 2000)
  --bytes B        their size, with K, M, G (default 800M, 100M, 20M; with --files 12K for each file)
  --runs R         measurements of each kind (default 2); the first push is made once
  --mode MODE      plain or namespaces (default: namespaces for root, else plain)
${REPORT_USAGE}`;

const OPTIONS = {
  fleet: { type: 'boolean' },
  hosts: { type: 'string', default: '4,16,64' },
  files: { type: 'string' },
  bytes: { type: 'string' },
  runs: { type: 'string', default: '2' },
  mode: { type: 'string' },
  ...reportOptions,
} as const;

const mebibyte = 1024 ** 2;
const maxHosts = 250;

/** Parses the arguments; `undefined` when only help is wanted. @throws UsageError for anything unknown or impossible. */
export function parseFleetBench(args: readonly string[]): FleetRequest | undefined {
  const values = parseOptions(args, OPTIONS, 'See --fleet --help');
  if (values.help) return undefined;
  const fileCount = values.files === undefined ? undefined : parseCount('files', values.files);
  const totalBytes = values.bytes === undefined ? undefined : parseBytes(values.bytes);
  return {
    sizes: parseHostCounts(values.hosts, maxHosts).map((count) => toSize(count, fileCount, totalBytes)),
    runs: parseCount('runs', values.runs),
    mode: parseMode(values.mode),
    ...toReportRequest(values),
  };
}

function toSize(hostCount: number, fileCount: number | undefined, totalBytes: number | undefined): FleetSize {
  const standard = standardTree(hostCount);
  if (fileCount === undefined) {
    return { hostCount, fileCount: standard.fileCount, totalBytes: totalBytes ?? standard.totalBytes };
  }
  return { hostCount, fileCount, totalBytes: totalBytes ?? fileCount * MEAN_BYTES };
}

/** All hosts together hold about as much, whatever their number. */
function standardTree(hostCount: number): { fileCount: number; totalBytes: number } {
  if (hostCount <= 4) return { fileCount: 70_000, totalBytes: 800 * mebibyte };
  if (hostCount <= 16) return { fileCount: 10_000, totalBytes: 100 * mebibyte };
  return { fileCount: 2000, totalBytes: 20 * mebibyte };
}

function parseMode(text: string | undefined): FleetRequest['mode'] {
  if (text === undefined || text === 'plain' || text === 'namespaces') return text;
  throw new UsageError(`Cannot use "${text}" for --mode: wanted plain or namespaces`, 'Leave it out');
}
