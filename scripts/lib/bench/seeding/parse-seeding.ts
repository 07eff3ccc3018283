import { parseOptions } from '../../program/parse-options.ts';
import { parseBytes, parseCount } from '../parse-arguments.ts';
import { parseHostCounts, REPORT_USAGE, type ReportRequest, reportOptions, toReportRequest } from '../table-bench.ts';

export interface SeedingRequest extends ReportRequest {
  readonly hostCounts: readonly number[];
  /** Of the staging tree, which does not compress. */
  readonly totalBytes: number;
  /** Of every host's link and of this machine's to all of them, in megabits per second. */
  readonly megabits: number;
}

export const SEEDING_USAGE = `Usage: bench --seeding [options]

Measures how long new hosts take to get everything, on throw-away SSH hosts in network namespaces of this machine (scripts/fleet) whose
links are shaped, as is this machine's own link to all of them together. Beside it one rsync per host, all at once. Needs root.

  --hosts A,B,C    numbers of hosts (default 1,4,15,31)
  --bytes B        what each host is to get, with K, M, G (default 150M)
  --rate M         of each link, in megabits per second (default 100)
${REPORT_USAGE}`;

const OPTIONS = {
  seeding: { type: 'boolean' },
  hosts: { type: 'string', default: '1,4,15,31' },
  bytes: { type: 'string', default: '150M' },
  rate: { type: 'string', default: '100' },
  ...reportOptions,
} as const;

const maxHosts = 100;

/** Parses the arguments; `undefined` when only help is wanted. @throws UsageError for anything unknown or impossible. */
export function parseSeedingBench(args: readonly string[]): SeedingRequest | undefined {
  const values = parseOptions(args, OPTIONS, 'See --seeding --help');
  if (values.help) return undefined;
  return {
    hostCounts: parseHostCounts(values.hosts, maxHosts),
    totalBytes: parseBytes(values.bytes),
    megabits: parseCount('rate', values.rate),
    ...toReportRequest(values),
  };
}
