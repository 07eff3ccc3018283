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
import { currentStage, type RunState, soakLeftMs } from './run-view.ts';
import { formatMovement, formatStageCounts } from './stage-progress.ts';
import { tasksLeft } from './stage-view.ts';
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
    const progress = describeProgress(narrator.state, at);
    clearTimeout(timer);
    if (progress === undefined) return;
    if (progress.subject !== last.subject) last = { ...progress, at, startedAt: at };
    if (progress.text === last.text && !progress.isCountdown) return;
    const intervalMs = progress.isCountdown ? maxIntervalMs : progressIntervalMs(at - last.startedAt);
    const dueInMs = last.at + intervalMs - at;
    if (dueInMs <= 0) {
      last = { ...last, text: progress.text, at };
      write(`${progress.line}\n`);
      if (!progress.isCountdown) return;
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
  /** When this is the same, there is nothing new to say. */
  readonly text: string;
  readonly line: string;
  /** Has something new to say when no event follows, too. */
  readonly isCountdown?: boolean;
}

function describeProgress(state: RunState, at: number): Progress | undefined {
  const stage = currentStage(state);
  if (stage !== undefined) {
    // The stage's own line follows at once.
    if (stage.inFlight.size === 0 && tasksLeft(stage) === 0) return undefined;
    const text = `${formatStageCounts(stage)} ${stage.bytes.done} ${stage.files.done}`;
    const movement = formatMovement(stage, at);
    const line = `${formatStageCounts(stage)}${movement === '' ? '' : ` (${movement})`}`;
    return { subject: `stage ${stage.name} ${state.stages.length}`, text, line };
  }
  const leftMs = soakLeftMs(state, at);
  if (leftMs !== undefined) {
    const line = `Soaking after ${state.soak?.stage}, ${formatDuration(leftMs)} left`;
    return { subject: `soak ${state.soak?.at}`, text: line, line, isCountdown: true };
  }
  if (state.scan === undefined || state.scan.done || state.stages.length > 0) return undefined;
  const line = `Scanning the staging tree: ${countOf(state.scan.files, 'file')}, ${formatBytes(state.scan.readBytes)} read`;
  return { subject: 'scan', text: line, line };
}
