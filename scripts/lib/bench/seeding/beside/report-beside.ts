import type { Machine } from '../../machine.ts';
import type { Part } from '../../report.ts';
import { formatMegabytes, formatSeconds, median } from '../../statistics.ts';
import type { BesideResult } from './measure-beside.ts';
import type { BesideRequest } from './parse-beside.ts';
import type { PushTimes } from './read-push-times.ts';

/** Lays out everything that is reported, in order; the first row is what the others are compared with. */
export function composeBesideReport(
  result: BesideResult,
  request: BesideRequest,
  { hardware, software }: Machine,
): Part[] {
  const { oldCount, newCount, megabits, totalBytes, bytesPerSecond, changeBytes } = request;
  const all = oldCount + newCount;
  const rows = [
    { name: `push --limit to the ${oldCount} alone`, times: result.alone },
    { name: `one push to all ${all}, ${newCount} of them new`, times: [result.together] },
    { name: `the same, fanout.bwlimit ${formatMegabytes(bytesPerSecond)}/s`, times: [result.limited] },
    { name: `push to all ${all}, none of them new`, times: result.upToDate },
    {
      name: `push --limit ${result.duringSeed.refusal ? '--wait ' : ''}during scap seed`,
      times: [result.duringSeed.push],
    },
  ];
  const lines = ['scap bench: seeding beside a push', `${hardware}; ${software}`];
  const change = changeBytes < 1e5 ? `${changeBytes} bytes` : formatMegabytes(changeBytes);
  const title = `${oldCount} hosts lack a file of ${change}, ${newCount} lack all ${formatMegabytes(totalBytes)}; links of ${megabits} Mbit/s`;
  return [
    { kind: 'text', lines },
    {
      kind: 'table',
      title,
      header,
      rows: rows.map(({ name, times }) => describeRow(name, times, result.alone, megabits)),
    },
    { kind: 'text', lines: [...notes, ...explainSeed(result)] },
  ];
}

const header = [
  '',
  'fetch begins',
  'old hosts have fetched',
  'longest fetch of one',
  'old hosts serve it',
  'all have fetched',
  'whole push',
  'sent in bulk',
  'from – to',
  'of the link',
];

function describeRow(
  name: string,
  times: readonly PushTimes[],
  alone: readonly PushTimes[],
  megabits: number,
): string[] {
  const compare = (pick: (one: PushTimes) => number) => {
    const seconds = median(times.map(pick));
    const ratio = seconds / median(alone.map(pick));
    return `${formatSeconds(seconds)}  ${ratio.toFixed(1)}×`;
  };
  const bulk = times[0]?.bulk;
  const share = bulk && (bulk.sentBytes * 8) / (bulk.ended - bulk.begun) / (megabits * 1e6);
  return [
    name,
    formatSeconds(median(times.map(({ stageStarted }) => stageStarted))),
    compare(({ fetched }) => fetched),
    compare(({ longestFetch }) => longestFetch),
    compare(({ promoted }) => promoted),
    formatSeconds(median(times.map(({ allFetched }) => allFetched))),
    formatSeconds(median(times.map(({ ended }) => ended))),
    bulk === undefined ? '' : formatMegabytes(bulk.sentBytes),
    bulk === undefined ? '' : `${formatSeconds(bulk.begun)} – ${formatSeconds(bulk.ended)}`,
    share === undefined ? '' : `${(share * 100).toFixed(0)} %`,
  ];
}

const notes = [
  'Seconds since the command was started; medians where something was measured several times. n×: how many times as long as to the old hosts',
  'alone. "Fetch begins" when every host is connected, new ones too, which are given an agent first. "Longest fetch of one": of the tasks',
  'fetch@host of the old hosts, each by itself. "Sent in bulk": by the deploy host for the new hosts; from the first that asked until the last',
  'had checked it; and the part of its link that takes on average. What the bulk slows, it slows then. Of the link alone, a share is: each of the',
  'connections that send at the time gets as much as the others. "None of them new" tells what more hosts cost without any bulk: all hosts',
  'work on the cores of this one machine.',
  'All hosts must have fetched before any is promoted, so in one push the old hosts serve the change when the new ones are ready to. To have',
  'it sooner: push --limit to the old hosts, then scap seed the new ones.',
];

function explainSeed({ duringSeed: { refusal } }: BesideResult): string[] {
  if (refusal === undefined) return ['A push during scap seed was not refused.'];
  return [
    `A push during scap seed is refused (status ${refusal.status}): ${refusal.message}`,
    'With --wait it begins when the seeding has ended; that row is from the second call on.',
  ];
}
