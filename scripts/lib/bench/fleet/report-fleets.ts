import type { Machine } from '../machine.ts';
import type { Part } from '../report.ts';
import { formatMegabytes, formatRatio, formatSeconds, formatSpread, median } from '../statistics.ts';
import type { FleetResult, FleetRound } from './measure-fleet.ts';
import type { StockPush } from './stock-fleet.ts';

/** What a report begins with. */
export function introduceFleets(machine: Machine): Part[] {
  const lines = [
    `scap bench: SSH hosts on one machine, which do their work on the same cores as the deploying side`,
    `${machine.hardware}; ${machine.software}`,
  ];
  return [{ kind: 'text', lines }];
}

/** What was measured with one fleet. */
export function describeFleet(result: FleetResult): Part[] {
  return [compareTools(result), listConnects([result])];
}

export function explainFleets(): Part[] {
  return [{ kind: 'text', lines: notes }];
}

/** Lays out what was measured, in order. */
export function composeFleetReport(results: readonly FleetResult[], machine: Machine): Part[] {
  return [...introduceFleets(machine), ...results.map(compareTools), listConnects(results), ...explainFleets()];
}

const notes = [
  'Times are of whole processes, from outside, median (min–max). n× : how many times as long as scap the tool takes.',
  '"targets idle": everybody has finished, and everything is on disk. "back to back": while scap still prepares the next tree',
  'on each host; stock tools prepare nothing, so their idle figures are compared. All hosts are one group, without a canary.',
  'rsync in place: one rsync per host, up to 30 at once. --link-dest: all hosts at once; when all have it, a rename on each.',
  'capistrano: deploys a commit of a bare repository on this machine, which hosts read as a file; the commit is not in its figures.',
  'What is not equal: scap checks every byte it writes against its hash and flushes it to disk before it goes live.',
  'Skew: between the first host that serves the change and the last one, the largest of all runs; scap: by the clocks of the',
  'hosts; others: by the time of change of the file or link, which the kernel may round to 4 ms.',
  'CPU: user and system time of the deploying side in a one-file push, by host; rsync with its SSH clients. Memory: VmHWM.',
];

function compareTools(result: FleetResult): Part {
  const { size, mode, first, oneFile, backToBack, noCapistrano } = result;
  const idle = oneFile.map(({ scap }) => scap);
  const pushes = [first.scap, ...idle, ...backToBack];
  const scap = [
    'scap',
    formatSpread([first.scap.seconds]),
    formatSpread(secondsOf(idle)),
    formatSpread(secondsOf(backToBack)),
    formatSkew([...idle, ...backToBack]),
    formatCpu(idle, size.hostCount),
    formatMegabytes(Math.max(...pushes.map(({ peakBytes }) => peakBytes))),
  ];
  const stock = (title: string, pick: (round: FleetRound) => StockPush | undefined) => {
    const firstPush = pick(first);
    const own = oneFile.flatMap((round) => pick(round) ?? []);
    if (firstPush === undefined || own.length === 0) return [title, noCapistrano ?? 'not measured', '', '', '', '', ''];
    const times = secondsOf(own);
    return [
      title,
      compare([firstPush.seconds], [first.scap.seconds]),
      compare(times, secondsOf(idle)),
      formatRatio(times, secondsOf(backToBack)),
      formatSkew(own),
      formatCpu(own, size.hostCount),
      '–',
    ];
  };
  const tree = `${size.fileCount.toLocaleString('en-US')} files, ${formatMegabytes(size.totalBytes)}`;
  return {
    kind: 'table',
    title: `${size.hostCount} hosts (${mode}), ${tree}`,
    header: [
      '',
      'first push (set-up)',
      'one-file push, targets idle',
      'one-file push, back to back',
      'skew',
      'CPU per host',
      'peak memory',
    ],
    rows: [
      scap,
      stock('rsync in place over ssh', ({ inPlace }) => inPlace),
      stock('rsync --link-dest + rename over ssh', ({ linkDest }) => linkDest),
      stock('capistrano', ({ capistrano }) => capistrano),
    ],
  };
}

function listConnects(results: readonly FleetResult[]): Part {
  const rows = results.map(({ size, oneFile, statusSeconds }) => {
    const connects = oneFile.map(({ scap }) => scap.connects);
    const durations = connects.flatMap(({ durationsMs }) => durationsMs);
    return [
      String(size.hostCount),
      `${median(durations).toFixed(0)} ms`,
      `${Math.max(...durations)} ms`,
      formatSpread(connects.map(({ allSeconds }) => allSeconds)),
      formatSpread(statusSeconds),
    ];
  });
  const header = [
    'hosts',
    'median host',
    'slowest host',
    'all hosts, since the start of the process',
    'scap status, whole',
  ];
  return { kind: 'table', title: 'Connect and hello in the one-file pushes, targets idle', header, rows };
}

function secondsOf(pushes: readonly { readonly seconds: number }[]): number[] {
  return pushes.map(({ seconds }) => seconds);
}

function compare(values: readonly number[], base: readonly number[]): string {
  return `${formatSpread(values)}  ${formatRatio(values, base)}`;
}

function formatSkew(pushes: readonly { readonly skewMs: number | undefined }[]): string {
  const skews = pushes.flatMap(({ skewMs }) => skewMs ?? []);
  return skews.length === 0 ? '–' : `${Math.max(...skews).toFixed(1)} ms`;
}

function formatCpu(pushes: readonly { readonly cpuSeconds: number }[], hostCount: number): string {
  return formatSeconds(median(pushes.map(({ cpuSeconds }) => cpuSeconds / hostCount)));
}
