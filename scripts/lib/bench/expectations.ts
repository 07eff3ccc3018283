import type { BenchResult, JobResult, ScapSample, SizedRollback, StockSample } from './measurements.ts';
import type { BenchRequest, JobName } from './parse-arguments.ts';
import type { Role } from './process-watch.ts';
import { formatMegabytes, formatRatio, formatSeconds, median } from './statistics.ts';

/** One expectation and what became of it. */
export interface Verdict {
  readonly expectation: string;
  readonly verdict: 'met' | 'missed' | 'not measured';
  /** The numbers it was judged by. */
  readonly because: string;
}

const notMeasured = (expectation: string, because: string): Verdict => ({
  expectation,
  verdict: 'not measured',
  because,
});
const memoryLimitBytes = 200e6;
/** Rollback counts as independent of the tree when twice the tree takes at most this much longer … */
const independenceFactor = 1.2;
/** … or no more than this: what two starts of one program differ by anyhow. */
const independenceSlackSeconds = 0.1;

/** Judges the expectations of the project by the medians. Missed ones are stated like met ones. */
export function judgeExpectations(result: BenchResult, request: BenchRequest): Verdict[] {
  return [
    ...['one-file', 'back-to-back'].map((job) => judgeLinkDest(result, job as JobName)),
    ...['one-file', 'back-to-back'].map((job) => judgeInPlace(result, job as JobName)),
    judgeNoChange(result),
    judgeRollback(result, request),
    judgeMemory(result, request, 'deploy', 'the deploy process'),
    judgeMemory(result, request, 'agent', 'an agent'),
  ];
}

/** The figures of the stock tools to compare with: a back-to-back push is compared with an ordinary one. */
export function stockOf(result: BenchResult, job: JobName): JobResult['stock'] | undefined {
  return result.jobs.find((found) => found.job === (job === 'back-to-back' ? 'one-file' : job))?.stock;
}

function judgeLinkDest(result: BenchResult, job: JobName): Verdict {
  const expectation = `${titleOf(job)} at least 5× faster than rsync --link-dest + rename`;
  const [scap, stock] = [scapOf(result, job), stockOf(result, job)?.['link-dest']];
  if (scap === undefined || !stock?.length) return notMeasured(expectation, 'see --only');
  const ratio = secondsOf(stock) / secondsOf(scap);
  return { expectation, verdict: ratio >= 5 ? 'met' : 'missed', because: compareText(scap, stock) };
}

function judgeInPlace(result: BenchResult, job: JobName): Verdict {
  const expectation = `${titleOf(job)} faster than rsync in place`;
  const [scap, stock] = [scapOf(result, job), stockOf(result, job)?.['in-place']];
  if (scap === undefined || !stock?.length) return notMeasured(expectation, 'see --only');
  const isFaster = secondsOf(scap) < secondsOf(stock);
  return { expectation, verdict: isFaster ? 'met' : 'missed', because: compareText(scap, stock) };
}

function judgeNoChange(result: BenchResult): Verdict {
  const expectation = "no-change push under half of rsync in place's";
  const [scap, stock] = [scapOf(result, 'no-change'), stockOf(result, 'no-change')?.['in-place']];
  if (scap === undefined || !stock?.length) return notMeasured(expectation, 'see --only');
  const isUnder = secondsOf(scap) < secondsOf(stock) / 2;
  return { expectation, verdict: isUnder ? 'met' : 'missed', because: compareText(scap, stock) };
}

/** The sizes rollback was measured at; the job itself is one of them only when there is no better comparison. */
export function rollbackSizes({ jobs, rollbacks }: BenchResult, { fileCount }: BenchRequest): readonly SizedRollback[] {
  const own = jobs.find(({ job }) => job === 'rollback');
  return rollbacks.length >= 2 || own === undefined ? rollbacks : [{ fileCount, scap: own.scap }, ...rollbacks];
}

function judgeRollback(result: BenchResult, request: BenchRequest): Verdict {
  const expectation = 'rollback independent of the size of the tree';
  const sizes = rollbackSizes(result, request);
  const sorted = sizes.toSorted((a, b) => a.fileCount - b.fileCount);
  const [small, large] = [sorted[0], sorted.at(-1)];
  if (small === undefined || large === undefined || small.fileCount === large.fileCount) {
    return notMeasured(expectation, 'give --rollback-sizes to measure at other sizes');
  }
  const [less, more] = [secondsOf(small.scap), secondsOf(large.scap)];
  // A larger step in size than to twice the tree is judged by the same rule, in proportion.
  const doublings = Math.log2(large.fileCount / small.fileCount);
  const limit = Math.max(less * independenceFactor ** doublings, less + independenceSlackSeconds);
  const texts = sorted.map((size) => `${formatSeconds(secondsOf(size.scap))} at ${size.fileCount} files`);
  const because = `${texts.join(', ')}; up to ${formatSeconds(limit)} counts as independent`;
  return { expectation, verdict: more <= limit ? 'met' : 'missed', because };
}

function judgeMemory(result: BenchResult, { fileCount }: BenchRequest, role: Role, name: string): Verdict {
  const expectation = `peak memory of ${name} under 200 MB at 185,000 files`;
  const peak = peakOf(result, role);
  if (peak === undefined) return notMeasured(expectation, 'nothing was watched');
  const because = `${formatMegabytes(peak)} at ${fileCount.toLocaleString('en-US')} files`;
  if (peak >= memoryLimitBytes) return { expectation, verdict: 'missed', because };
  if (fileCount < 185_000) return notMeasured(expectation, `${because}; wants --files 185000`);
  return { expectation, verdict: 'met', because };
}

/** Largest peak of a role over all jobs, in bytes; rollback at other sizes of the tree is left out. */
function peakOf({ jobs }: BenchResult, role: Role): number | undefined {
  const peaks = jobs.flatMap(({ scap }) => scap.flatMap((sample) => sample.peaks.get(role) ?? []));
  return peaks.length === 0 ? undefined : Math.max(...peaks);
}

function titleOf(job: JobName): string {
  return job === 'one-file' ? 'one-file push (targets idle)' : 'one-file push (back to back)';
}

function scapOf(result: BenchResult, job: JobName): readonly ScapSample[] | undefined {
  return result.jobs.find((found) => found.job === job)?.scap;
}

function secondsOf(samples: readonly { readonly seconds: number }[]): number {
  return median(samples.map(({ seconds }) => seconds));
}

function compareText(scap: readonly ScapSample[], stock: readonly StockSample[]): string {
  const own = scap.map(({ seconds }) => seconds);
  const other = stock.map(({ seconds }) => seconds);
  const flushed = stock.map(({ flushedSeconds }) => flushedSeconds);
  const ratios = `${formatRatio(other, own)}, with sync -f ${formatRatio(flushed, own)}`;
  return `${formatSeconds(median(own))} against ${formatSeconds(median(other))}: ${ratios}`;
}
