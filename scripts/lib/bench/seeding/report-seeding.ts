import type { Machine } from '../machine.ts';
import type { Part } from '../report.ts';
import { formatMegabytes, formatSeconds } from '../statistics.ts';
import type { SeedingResult } from './measure-seeding.ts';
import type { SeedingRequest, StockName } from './parse-seeding.ts';
import { idealTierCopies } from './plan-tiers.ts';

/** What a report begins with. */
export function introduceSeeding({ hardware, software }: Machine): Part[] {
  const lines = ['scap bench: bringing everything to new hosts over shaped links', `${hardware}; ${software}`];
  return [{ kind: 'text', lines }];
}

/** Lays out what was measured, in order; the first row is what the others are compared with. */
export function describeSeeding(results: readonly SeedingResult[], request: SeedingRequest): Part[] {
  const { megabits, totalBytes, carrier } = request;
  const [first] = results;
  const once = (totalBytes * 8) / (megabits * 1e6);
  const rows = results.map((result) => [
    String(result.hostCount),
    formatSeconds(once),
    compareTimes(result.scap.bringSeconds, first?.scap.bringSeconds),
    String(result.scap.tiers),
    formatMegabytes(result.scap.egressBytes),
    ...request.stock.flatMap((name) => describeStock(name, result, { first, request, once })),
    formatSeconds(result.scap.fetchSeconds),
    formatMegabytes(result.scap.peakBytes),
  ]);
  const header = [
    'hosts',
    'limit of the link',
    carrier === 'relay' ? 'scap: all have it' : `scap, carrier ${carrier}: all have it`,
    'tiers',
    'sent by the deploy host',
    ...request.stock.flatMap((name) => stockHeaders[name]),
    'scap: revision complete everywhere',
    'peak memory',
  ];
  return [{ kind: 'table', title: `${formatMegabytes(totalBytes)} over ${megabits} Mbit/s`, header, rows }];
}

export function explainSeeding({ stock, tierCopies }: SeedingRequest): Part[] {
  return [{ kind: 'text', lines: [...notes, ...(stock.includes('tiers') ? explainTiers(tierCopies) : [])] }];
}

const stockHeaders: Readonly<Record<StockName, readonly string[]>> = {
  star: ['limit of a star', 'rsync star', 'sent', 'star / scap'],
  tiers: ['limit of these tiers', 'rsync tiers', 'sent', 'tiers / scap'],
};

interface StockContext {
  readonly first: SeedingResult | undefined;
  readonly request: SeedingRequest;
  /** Seconds of one copy over one link. */
  readonly once: number;
}

function describeStock(
  name: StockName,
  { hostCount, scap, stock }: SeedingResult,
  { first, request, once }: StockContext,
): string[] {
  const measured = stock[name];
  if (measured === undefined) return ['', '', '', ''];
  const copies = name === 'star' ? hostCount : idealTierCopies(hostCount, request.tierCopies);
  return [
    formatSeconds(once * copies),
    compareTimes(measured.seconds, first?.stock[name]?.seconds),
    formatMegabytes(measured.egressBytes),
    `${(measured.seconds / scap.bringSeconds).toFixed(1)}×`,
  ];
}

function compareTimes(seconds: number, one: number | undefined): string {
  return one === undefined ? formatSeconds(seconds) : `${formatSeconds(seconds)}  ${(seconds / one).toFixed(2)}×`;
}

const notes = [
  'Every host has a link of that rate, and the deploy host one to all of them together. n× in a column: how many times as long as with the',
  'first number of hosts. Limits: the bytes over the rate, without headers; nobody can be faster than one copy, a star needs one per host.',
  '"all have it": from the first host that asked until the last had received and checked every byte. "complete everywhere": the whole fetch',
  'stage: packing, bringing, and then every host takes the objects into its repository, writes its tree, checks and flushes it; all hosts do',
  'that on the cores of this one machine. rsync writes files as they come, checks nothing at the end and flushes nothing.',
  'Sent: what the kernel counts on the bridge, with all headers and with what the run says beside the bytes.',
];

function explainTiers(copiesAtOnce: number): string[] {
  return [
    `Tiers: the deploy host pushes over SSH, and every host that has everything serves others from a read-only rsync daemon with one-time`,
    `passwords, unencrypted; the deploy host and every source go on as long as anybody waits, ${copiesAtOnce} at a time each. Daemons and clients are`,
    'started from this machine without SSH, which spares tiers that time. Limit: that schedule on links that are all alike. One copy at a',
    'time (--tier-copies) is the fastest where sources go on serving: the first of them begins the earliest.',
  ];
}
