/**
 * Narration for what is no terminal (CI, cron, a file): one line per change of state. Between them progress, so that a log shows what a
 * run waits for: at most once a second, less often the longer a stage takes.
 */
import { formatBytes } from '../core/bytes.ts';
import { formatDuration } from '../core/duration.ts';
import type { ScapEvent } from '../events/event.ts';
import type { Line } from './describe-event.ts';
import { formatLine } from './format-line.ts';
import { createQuietWriter } from './narration-stream.ts';
import { createNarrator } from './narrator.ts';
import type { Reporter, ReporterOptions } from './reporter.ts';
import { currentStage, type RunState, type ScanView, soakLeftMs } from './run-view.ts';
import { formatMovement, formatStageCounts } from './stage-progress.ts';
import { type StageView, tasksLeft } from './stage-view.ts';
import { createStyle } from './style.ts';
import { countOf } from './wording.ts';

const minIntervalMs = 1000;
const maxIntervalMs = 30_000;

export type PlainReporterOptions = Pick<ReporterOptions, 'stream' | 'verbose' | 'colour' | 'hostCount'>;

export function createPlainReporter({ stream, verbose, colour, hostCount }: PlainReporterOptions): Reporter {
  const write = createQuietWriter(stream);
  const style = createStyle(colour);
  const narrator = createNarrator({ verbose, hostCount, eager: true });
  const writeLines = (lines: readonly Line[]) => write(lines.map((line) => `${formatLine(line, style)}\n`).join(''));

  // What was last said of the work under way, and when; the timer says what was held back should no event follow.
  let last = { subject: '', text: '', at: 0, startedAt: 0 };
  let timer: NodeJS.Timeout | undefined;
  const tellProgress = (at: number) => {
    const progress = findProgress(narrator.state, at);
    clearTimeout(timer);
    if (progress === undefined) return;
    const { subject, describe, isCountdown = false } = progress;
    if (subject !== last.subject) last = { subject, text: describe().text, at, startedAt: at };
    const intervalMs = isCountdown ? maxIntervalMs : progressIntervalMs(at - last.startedAt);
    const dueInMs = last.at + intervalMs - at;
    if (dueInMs <= 0) {
      const { text, line } = describe();
      if (text === last.text && !isCountdown) return;
      last = { ...last, text, at };
      write(`${line}\n`);
      if (!isCountdown) return;
    }
    const waitMs = dueInMs > 0 ? dueInMs : intervalMs;
    timer = setTimeout(() => tellProgress(at + waitMs), waitMs).unref();
  };

  return {
    listener: (event: ScapEvent) => {
      writeLines(narrator.tell(event));
      tellProgress(event.at);
    },
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      writeLines(narrator.end());
    },
  };
}

/** How long to wait between two lines about work that has been going on for `elapsedMs`. */
export function progressIntervalMs(elapsedMs: number): number {
  return Math.min(maxIntervalMs, Math.max(minIntervalMs, elapsedMs / 10));
}

interface Progress {
  /** What it is about; its first line waits its turn too. */
  readonly subject: string;
  /** Puts it into words: asked for only when a line may be due, as there is an event for every host and more. */
  readonly describe: () => ProgressText;
  /** Has something new to say when no event follows, too. */
  readonly isCountdown?: boolean;
}

interface ProgressText {
  /** When this is the same, there is nothing new to say. */
  readonly text: string;
  readonly line: string;
}

function findProgress(state: RunState, at: number): Progress | undefined {
  const stage = currentStage(state);
  if (stage !== undefined) {
    // The stage's own line follows at once.
    if (stage.inFlight.size === 0 && tasksLeft(stage) === 0) return undefined;
    return { subject: `stage ${stage.name} ${state.stages.length}`, describe: () => describeStage(stage, at) };
  }
  const leftMs = soakLeftMs(state, at);
  if (leftMs !== undefined) {
    const line = `Soaking after ${state.soak?.stage}, ${formatDuration(leftMs)} left`;
    return { subject: `soak ${state.soak?.at}`, describe: () => ({ text: line, line }), isCountdown: true };
  }
  const { scan } = state;
  if (scan === undefined || scan.done || state.stages.length > 0) return undefined;
  return { subject: 'scan', describe: () => describeScan(scan) };
}

function describeStage(stage: StageView, at: number): ProgressText {
  const counts = formatStageCounts(stage);
  const movement = formatMovement(stage, at);
  return {
    text: `${counts} ${stage.bytes.done} ${stage.files.done}`,
    line: `${counts}${movement === '' ? '' : ` (${movement})`}`,
  };
}

function describeScan({ files, readBytes }: ScanView): ProgressText {
  const line = `Scanning the staging tree: ${countOf(files, 'file')}, ${formatBytes(readBytes)} read`;
  return { text: line, line };
}
