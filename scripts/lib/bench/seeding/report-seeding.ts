import type { Machine } from '../machine.ts';
import type { Part } from '../report.ts';
import { formatMegabytes, formatSeconds } from '../statistics.ts';
import type { SeedingResult } from './measure-seeding.ts';
import type { SeedingRequest } from './parse-seeding.ts';

/** What a report begins with. */
export function introduceSeeding({ hardware, software }: Machine): Part[] {
  const lines = ['scap bench: bringing everything to new hosts over shaped links', `${hardware}; ${software}`];
  return [{ kind: 'text', lines }];
}

/** Lays out what was measured, in order; the first row is what the others are compared with. */
export function describeSeeding(results: readonly SeedingResult[], { megabits, totalBytes }: SeedingRequest): Part[] {
  const [first] = results;
  const times = (seconds: number, one: number | undefined) =>
    one === undefined ? formatSeconds(seconds) : `${formatSeconds(seconds)}  ${(seconds / one).toFixed(2)}×`;
  const once = (totalBytes * 8) / (megabits * 1e6);
  const rows = results.map(({ hostCount, scap, rsync }) => [
    String(hostCount),
    formatSeconds(once),
    times(scap.bringSeconds, first?.scap.bringSeconds),
    String(scap.tiers),
    formatMegabytes(scap.egressBytes),
    formatSeconds(once * hostCount),
    times(rsync.seconds, first?.rsync.seconds),
    formatMegabytes(rsync.egressBytes),
    `${(rsync.seconds / scap.bringSeconds).toFixed(1)}×`,
    formatSeconds(scap.fetchSeconds),
    formatMegabytes(scap.peakBytes),
  ]);
  const header = [
    'hosts',
    'limit of the link',
    'scap: all have it',
    'tiers',
    'sent by the deploy host',
    'limit of a star',
    'rsync star',
    'sent',
    'rsync / scap',
    'scap: revision complete everywhere',
    'peak memory',
  ];
  return [{ kind: 'table', title: `${formatMegabytes(totalBytes)} over ${megabits} Mbit/s`, header, rows }];
}

export function explainSeeding(): Part[] {
  return [{ kind: 'text', lines: notes }];
}

const notes = [
  'Every host has a link of that rate, and the deploy host one to all of them together. n× in a column: how many times as long as with the',
  'first number of hosts. Limits: the bytes over the rate, without headers; nobody can be faster than one copy, a star needs one per host.',
  '"all have it": from the first host that asked until the last had received and checked every byte. "complete everywhere": the whole fetch',
  'stage: packing, bringing, and then every host takes the objects into its repository, writes its tree, checks and flushes it; all hosts do',
  'that on the cores of this one machine. rsync writes files as they come, checks nothing at the end and flushes nothing.',
  'Sent: what the kernel counts on the bridge, with all headers and with what the run says beside the bytes.',
];
