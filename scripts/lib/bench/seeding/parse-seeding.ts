import { parseOptions } from '../../program/parse-options.ts';
import { UsageError } from '../../usage-error.ts';
import { parseBytes, parseCount } from '../parse-arguments.ts';
import { parseHostCounts, REPORT_USAGE, type ReportRequest, reportOptions, toReportRequest } from '../table-bench.ts';

/** What scap is compared with. */
export const stockNames = ['star', 'tiers'] as const;

export type StockName = (typeof stockNames)[number];

const carrierNames = ['relay', 'rsync'] as const;

type CarrierName = (typeof carrierNames)[number];

export interface SeedingRequest extends ReportRequest {
  readonly hostCounts: readonly number[];
  /** Of the staging tree, which does not compress. */
  readonly totalBytes: number;
  /** Of every host's link and of this machine's to all of them, in megabits per second. */
  readonly megabits: number;
  /** `fanout.carrier` of scap. */
  readonly carrier: CarrierName;
  readonly stock: readonly StockName[];
  /** Of rsync in tiers: copies at a time from one source. */
  readonly tierCopies: number;
}

export const SEEDING_USAGE = `Usage: bench --seeding [options]
       bench --seeding --beside [options], see bench --seeding --beside --help

Measures how long new hosts take to get everything, on throw-away SSH hosts in network namespaces of this machine (scripts/fleet) whose
links are shaped, as is this machine's own link to all of them together. Beside it one rsync per host, all at once (star), and rsync in
tiers: over SSH to the first hosts, then from short-lived rsync daemons of hosts that have everything. Needs root.

  --hosts A,B,C    numbers of hosts (default 1,4,15,31)
  --bytes B        what each host is to get, with K, M, G (default 150M)
  --rate M         of each link, in megabits per second (default 100)
  --carrier C      what carries scap's bundles: relay or rsync (default relay)
  --stock A,B      what to compare with: star, tiers, or none (default star,tiers)
  --tier-copies N  in tiers: copies at a time from one source (default 1)
${REPORT_USAGE}`;

const OPTIONS = {
  seeding: { type: 'boolean' },
  hosts: { type: 'string', default: '1,4,15,31' },
  bytes: { type: 'string', default: '150M' },
  rate: { type: 'string', default: '100' },
  carrier: { type: 'string', default: 'relay' },
  stock: { type: 'string', default: stockNames.join(',') },
  'tier-copies': { type: 'string', default: '1' },
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
    carrier: parseCarrier(values.carrier),
    stock: parseStock(values.stock),
    tierCopies: parseCount('tier-copies', values['tier-copies']),
    ...toReportRequest(values),
  };
}

function parseCarrier(text: string): CarrierName {
  const carrier = carrierNames.find((known) => known === text);
  if (carrier !== undefined) return carrier;
  throw new UsageError(`Cannot carry bundles by "${text}": it is not known`, `Known: ${carrierNames.join(', ')}`);
}

function parseStock(text: string): readonly StockName[] {
  if (text === 'none') return [];
  const names = text.split(',');
  const unknown = names.find((name) => !stockNames.some((known) => known === name));
  if (unknown === undefined) return stockNames.filter((name) => names.includes(name));
  throw new UsageError(`Cannot compare with "${unknown}": it is not known`, `Known: ${stockNames.join(', ')}, none`);
}
