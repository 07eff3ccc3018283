import { judgeExpectations, rollbackSizes, stockOf } from './expectations.ts';
import type { Machine } from './machine.ts';
import type { BenchResult, JobResult, ScapSample, StockTool } from './measurements.ts';
import type { BenchRequest } from './parse-arguments.ts';
import type { Role } from './process-watch.ts';
import { formatMegabytes, formatRatio, formatSeconds, formatSpread, median } from './statistics.ts';

/** A part of the report: text, or a table. */
export type Part =
  | { readonly kind: 'text'; readonly lines: readonly string[] }
  | {
      readonly kind: 'table';
      readonly title: string;
      readonly header: readonly string[];
      readonly rows: readonly (readonly string[])[];
    };

/** Lays out everything that is reported, in order. */
export function composeReport(result: BenchResult, request: BenchRequest, machine: Machine): Part[] {
  return [
    { kind: 'text', lines: describeSetting(request, machine) },
    compareJobs(result),
    { kind: 'text', lines: notes },
    explainScap(result),
    explainRollback(result, request),
    listMemory(result),
    listExpectations(result, request),
  ];
}

const notes = [
  'Times are of whole processes, from outside, median (min–max). n× : how many times as long as scap the tool takes.',
  'What is not equal: scap checks every byte it writes against its hash and flushes it to disk before it goes live;',
  'the stock tools do neither, and rsync in place has no way back. The rows "with sync -f" add a flush to them (scap has none to add).',
  'scap prepares a spare tree on each target after a push, in the background. "targets idle" waits until that is done,',
  '"back to back" pushes while it is still going on and is compared with the same stock figures.',
  'git archive: "git add" and "git commit" come on top, see below; with nothing to commit they are all there is to do.',
  'Rollback: in place means deploying the older content again; the others only rename a link, and so does scap ("promote").',
];

const stockTitles: readonly (readonly [StockTool, string])[] = [
  ['in-place', 'rsync in place'],
  ['link-dest', 'rsync --link-dest + rename'],
  ['archive', 'git archive | tar + rename'],
];

function describeSetting({ fileCount, totalBytes, versionCount }: BenchRequest, machine: Machine): string[] {
  const size = `${fileCount.toLocaleString('en-US')} files, ${formatMegabytes(totalBytes)}, ${versionCount} versions`;
  return [`scap bench: ${size}, three local targets`, `${machine.hardware}; ${machine.software}`];
}

function compareJobs(result: BenchResult): Part {
  const rows = result.jobs.flatMap((job) => {
    const scap = job.scap.map(({ seconds }) => seconds);
    const stock = stockOf(result, job.job);
    const cell = (tool: StockTool, figure: 'seconds' | 'flushedSeconds') => {
      const values = stock?.[tool].map((sample) => sample[figure]) ?? [];
      return values.length === 0 ? '–' : `${formatSpread(values)}  ${formatRatio(values, scap)}`;
    };
    return [
      [job.title, formatSpread(scap), ...stockTitles.map(([tool]) => cell(tool, 'seconds'))],
      ['  with sync -f', '', ...stockTitles.map(([tool]) => cell(tool, 'flushedSeconds'))],
    ];
  });
  return { kind: 'table', title: 'Seconds', header: ['job', 'scap', ...stockTitles.map(([, title]) => title)], rows };
}

function explainScap({ jobs }: BenchResult): Part {
  const header = [
    'job',
    'capture',
    'fetch',
    'promote',
    'rest',
    'strategy',
    'agent CPU, during',
    'agent CPU, after',
    'git commit',
  ];
  const rows = jobs.map(({ title, scap, commitSeconds }) => {
    const of = (pick: (sample: ScapSample) => number) => formatSeconds(median(scap.map(pick)));
    return [
      title,
      of(({ stages }) => stages.capture),
      of(({ stages }) => stages.fetch),
      of(({ stages }) => stages.promote),
      of(({ seconds, stages }) => seconds - stages.capture - stages.fetch - stages.promote),
      describeStrategies(scap),
      of(({ agentCpuSeconds }) => agentCpuSeconds),
      of(({ backgroundCpuSeconds }) => backgroundCpuSeconds),
      commitSeconds.length === 0 ? '–' : formatSeconds(median(commitSeconds)),
    ];
  });
  const title =
    'Where scap spends it (medians; rest: start-up, connecting, recording, finalizing; CPU: for one target)';
  return { kind: 'table', title, header, rows };
}

function describeStrategies(samples: readonly ScapSample[]): string {
  const counts = new Map<string, number>();
  for (const strategy of samples.flatMap(({ strategies }) => strategies)) {
    counts.set(strategy, (counts.get(strategy) ?? 0) + 1);
  }
  return [...counts].map(([strategy, count]) => `${strategy} ×${count}`).join(', ') || 'nothing to fetch';
}

function explainRollback(result: BenchResult, request: BenchRequest): Part {
  const rows = rollbackSizes(result, request).map(({ fileCount: count, scap }) => [
    count.toLocaleString('en-US'),
    formatSpread(scap.map(({ seconds }) => seconds)),
    formatSpread(scap.map(({ stages }) => stages.fetch)),
    formatSpread(scap.map(({ stages }) => stages.promote)),
  ]);
  const header = ['files', 'whole', 'fetch: is it still complete?', 'promote: the switch itself'];
  return { kind: 'table', title: 'Rollback by size of the tree', header, rows };
}

function listMemory({ jobs }: BenchResult): Part {
  const roles = [...new Set(jobs.flatMap(({ scap }) => scap.flatMap(({ peaks }) => [...peaks.keys()])))];
  const rank = (role: Role) => ['deploy', 'agent'].indexOf(role) + 1 || 3;
  const sorted = roles.toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  const rows = jobs.map(({ title, scap }: JobResult) => [
    title,
    ...sorted.map((role) => {
      const peaks = scap.flatMap(({ peaks: found }) => found.get(role) ?? []);
      return peaks.length === 0 ? '–' : formatMegabytes(Math.max(...peaks));
    }),
  ]);
  const name = (role: Role) => ({ deploy: 'deploy process', agent: 'an agent' })[role as string] ?? role;
  const title = 'Peak memory of a single process (VmHWM, the largest of all runs; git maps files it reads into it)';
  return { kind: 'table', title, header: ['job', ...sorted.map(name)], rows };
}

function listExpectations(result: BenchResult, request: BenchRequest): Part {
  const at = `${request.fileCount.toLocaleString('en-US')} files`;
  const rows = judgeExpectations(result, request).map(({ expectation, verdict, because }) => [
    verdict.toUpperCase(),
    expectation,
    because,
  ]);
  const title = `Expectations, judged by the medians of this run at ${at} (they are meant for 70,000 files and more)`;
  return { kind: 'table', title, header: ['', 'expectation', 'because'], rows };
}
