import { parseOptions } from '../../../program/parse-options.ts';
import { UsageError } from '../../../usage-error.ts';
import { parseBytes, parseCount } from '../../parse-arguments.ts';
import { REPORT_USAGE, type ReportRequest, reportOptions, toReportRequest } from '../../table-bench.ts';

export interface BesideRequest extends ReportRequest {
  /** Hosts that are up to date but for one file. */
  readonly oldCount: number;
  /** Hosts that have nothing. */
  readonly newCount: number;
  /** Of the staging tree, which does not compress. */
  readonly totalBytes: number;
  /** Of the file that the old hosts lack, which does not compress either. */
  readonly changeBytes: number;
  /** Of every host's link and of this machine's to all of them, in megabits per second. */
  readonly megabits: number;
  /** `fanout.bwlimit` of the second push to new hosts, in bytes per second. */
  readonly bytesPerSecond: number;
  /** Measurements of each push that brings nobody everything. */
  readonly runs: number;
}

export const BESIDE_USAGE = `Usage: bench --seeding --beside [options]

Measures what it costs hosts that need one file when others of the same push need everything, on throw-away SSH hosts as those of
bench --seeding: a push to the former alone, one to all with fanout.bwlimit and without, and one to them while scap seeds. Needs root.

  --old N          hosts that are up to date but for one file (default 4)
  --new N          hosts that have nothing (default 20)
  --bytes B        what each of these is to get, with K, M, G (default 150M; above fanout.threshold)
  --change B       size of the file that the others lack (default 1K; below fanout.threshold)
  --rate M         of each link, in megabits per second (default 100)
  --bwlimit B      fanout.bwlimit, bytes per second with K, M, G (default: half of the rate)
  --runs R         measurements of each push without new hosts (default 3)
${REPORT_USAGE}`;

const OPTIONS = {
  seeding: { type: 'boolean' },
  beside: { type: 'boolean' },
  old: { type: 'string', default: '4' },
  new: { type: 'string', default: '20' },
  bytes: { type: 'string', default: '150M' },
  change: { type: 'string', default: '1K' },
  rate: { type: 'string', default: '100' },
  bwlimit: { type: 'string' },
  runs: { type: 'string', default: '3' },
  ...reportOptions,
} as const;

const maxHosts = 100;

/** Parses the arguments; `undefined` when only help is wanted. @throws UsageError for anything unknown or impossible. */
export function parseBesideBench(args: readonly string[]): BesideRequest | undefined {
  const values = parseOptions(args, OPTIONS, 'See --seeding --beside --help');
  if (values.help) return undefined;
  const oldCount = parseCount('old', values.old);
  const newCount = parseCount('new', values.new);
  if (oldCount + newCount > maxHosts) {
    const found = `Cannot measure ${oldCount + newCount} hosts on one machine: at most ${maxHosts}`;
    throw new UsageError(found, 'Try --old 4 --new 20');
  }
  const megabits = parseCount('rate', values.rate);
  return {
    oldCount,
    newCount,
    totalBytes: parseBytes(values.bytes),
    changeBytes: parseBytes(values.change),
    megabits,
    bytesPerSecond: values.bwlimit === undefined ? (megabits * 1e6) / 8 / 2 : parseBytes(values.bwlimit),
    runs: parseCount('runs', values.runs),
    ...toReportRequest(values),
  };
}
