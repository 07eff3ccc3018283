/** What the live view shows at the bottom of a terminal: pure, from the state of the run to lines that fit. */
import { formatBytes } from '../core/bytes.ts';
import { formatDuration } from '../core/duration.ts';
import { shortSha } from '../core/sha.ts';
import { groupFailures } from './group-failures.ts';
import { formatHosts } from './host-list.ts';
import { padText, toOneLine, truncateText } from './plain-text.ts';
import { currentStage, type RunState, soakLeftMs } from './run-view.ts';
import { formatMovement, formatStageCounts, stageFraction } from './stage-progress.ts';
import type { StageView, TaskView } from './stage-view.ts';
import type { Style, Tone } from './style.ts';
import { countOf, formatCount } from './wording.ts';

export interface BlockOptions {
  readonly columns: number;
  readonly rows: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly style: Style;
}

interface BlockLine {
  readonly tone: Tone;
  readonly text: string;
}

const shownFailures = 3;
/** With more hosts than this, only those that take longest are named. */
const fewTasks = 10;
const longestTasks = 3;
const maxBarWidth = 30;

/** The lines of the block, each narrower than the terminal, together lower than it; none once the run is over. */
export function renderBlock(state: RunState, { columns, rows, now, style }: BlockOptions): string[] {
  if (state.result !== undefined) return [];
  const width = Math.max(1, columns - 1);
  const lines = [...headLines(state, now), ...stageLines(state, { width, now }), ...failureLines(state)];
  return lines.slice(0, Math.max(1, rows - 1)).map(({ tone, text }) => style(tone, truncateText(text, width)));
}

/** `[=======>      ]`, `width` columns wide. */
export function formatBar(fraction: number, width: number): string {
  const inner = Math.max(0, width - 2);
  const filled = Math.floor(Math.min(1, Math.max(0, fraction)) * inner);
  return `[${filled < inner ? `${'='.repeat(filled)}>`.padEnd(inner) : '='.repeat(inner)}]`;
}

function headLines(state: RunState, now: number): BlockLine[] {
  const { run, scan, lockAwaited, hosts } = state;
  const elapsed = formatDuration(Math.max(0, now - (run?.at ?? state.startedAt ?? now)));
  if (run !== undefined) {
    const what = `${toOneLine(run.kind)} of ${shortSha(run.revision)} to ${countOf(run.hosts.length, 'host')}`;
    const trouble =
      state.rollback !== undefined ? ', rolling back' : state.interruptedBy !== undefined ? ', stopping' : '';
    return [{ tone: trouble === '' ? 'strong' : 'warn', text: `Run ${run.n}: ${what}, ${elapsed}${trouble}` }];
  }
  if (lockAwaited !== undefined) {
    const waited = formatDuration(Math.max(0, now - lockAwaited.at));
    return [
      {
        tone: 'warn',
        text: `Waiting ${waited} for the lock held by ${toOneLine(lockAwaited.user)} (pid ${lockAwaited.pid})`,
      },
    ];
  }
  return [
    ...(scan !== undefined && !scan.done ? [scanLine(scan, now)] : []),
    ...(hosts.size > 0
      ? [{ tone: 'plain' as const, text: `Connected to ${countOf(hosts.size, 'host')}, ${elapsed}` }]
      : []),
  ];
}

function scanLine(scan: NonNullable<RunState['scan']>, now: number): BlockLine {
  const elapsedMs = now - scan.startedAt;
  const rate = elapsedMs >= 1000 ? `, ${formatBytes((scan.readBytes * 1000) / elapsedMs)}/s` : '';
  return {
    tone: 'plain',
    text: `Scanning the staging tree: ${countOf(scan.files, 'file')}, ${formatBytes(scan.readBytes)} read${rate}`,
  };
}

function stageLines(state: RunState, { width, now }: { width: number; now: number }): BlockLine[] {
  const stage = currentStage(state);
  if (stage === undefined) return soakLines(state, now);
  const movement = formatMovement(stage, now);
  const percent = `${Math.floor(stageFraction(stage) * 100)}%`.padStart(4);
  const barWidth = Math.min(maxBarWidth, width - 7);
  const bar =
    stage.tasks > 0 && barWidth >= 8 ? `${formatBar(stageFraction(stage), barWidth)}${percent}` : percent.trim();
  return [
    { tone: stage.failed > 0 ? 'error' : 'strong', text: formatStageCounts(stage) },
    { tone: 'plain', text: `  ${bar}${movement === '' ? '' : `  ${movement}`}` },
    ...taskLines(stage, now),
  ];
}

function soakLines(state: RunState, now: number): BlockLine[] {
  const leftMs = soakLeftMs(state, now);
  if (leftMs === undefined) return [];
  return [{ tone: 'strong', text: `Soaking after ${state.soak?.stage}, ${formatDuration(leftMs)} left` }];
}

/** The tasks in flight, longest first: among many, who holds the stage up. */
function taskLines({ inFlight }: StageView, now: number): BlockLine[] {
  const tasks = [...inFlight.values()].sort((a, b) => a.startedAt - b.startedAt);
  const shown = tasks.length <= fewTasks ? tasks : tasks.slice(0, longestTasks);
  const names = shown.map(({ host }) => host ?? 'deploy host');
  const width = Math.max(0, ...names.map((name) => name.length));
  const lines = shown.map((task, i) => `  ${padText(names[i] ?? '', width)}  ${formatTask(task, now)}`);
  return lines.map((text) => ({ tone: 'dim', text }));
}

function formatTask({ startedAt, step, unit, done, total }: TaskView, now: number): string {
  const took = formatDuration(Math.max(0, now - startedAt));
  if (step === '') return took;
  const format = unit === 'bytes' ? formatBytes : formatCount;
  const amount = `${format(done)}${total > 0 ? ` of ${format(total)}` : ''}${unit === 'files' ? ' files' : ''}`;
  return `${toOneLine(step)} ${amount}, ${took}`;
}

function failureLines({ failures }: RunState): BlockLine[] {
  const groups = groupFailures(failures);
  const shown = groups.slice(-shownFailures);
  const lines = shown.map(({ hosts, message }) => {
    const who = hosts.length === 1 ? hosts[0] : `${countOf(hosts.length, 'host')} (${formatHosts(hosts, 3)})`;
    return { tone: 'error' as const, text: `  ${who === undefined ? '' : `${who}: `}${message}` };
  });
  const hidden = groups.length - shown.length;
  return hidden > 0 ? [{ tone: 'error', text: `  ${countOf(hidden, 'other error')}` }, ...lines] : lines;
}
