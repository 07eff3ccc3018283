/**
 * Reading the log of a run, finished or under way, without disturbing it. Only the holder of the writer's lock writes logs, one after the other:
 * a run is alive while the lock is held by whoever wrote its log.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ScapError } from '../core/errors.ts';
import { type LoggedEvent, parseEventLine } from '../events/event-line.ts';
import { probeLock } from '../system/file-lock.ts';
import { openGrowingFile } from '../system/growing-file.ts';
import { listRunLogs } from './deploy-records.ts';
import type { StateLayout } from './state-layout.ts';

/** A run that has a log. */
export interface LoggedRun {
  readonly n: number;
  readonly path: string;
}

/** A line of a log; `event` is `undefined` when it is none. */
export interface LogLine {
  readonly text: string;
  readonly event: LoggedEvent | undefined;
}

const pollMs = 200;
/** Asking for the lock starts a process; done only when a log has been silent for so many polls. */
const silentPolls = 5;

/** The run of that number, or the newest one. Throws `run_unknown` when there is none. */
export function findRun(layout: StateLayout, n?: number): LoggedRun {
  const logs = listRunLogs(layout);
  const newest = Math.max(...logs.keys());
  const found = toRun(layout, logs, n ?? newest);
  if (found !== undefined) return found;
  if (logs.size === 0) {
    throw new ScapError('run_unknown', 'Cannot show a log: no run has written one yet', {
      hint: 'Deploy with: scap push PATH; or wait for a run to start with: scap deploy-log --follow',
    });
  }
  throw new ScapError(
    'run_unknown',
    `Cannot show the log of run ${n}: there is none, the newest is that of run ${newest}`,
    {
      hint: 'Choose a run from: scap history',
      data: { n, newest },
    },
  );
}

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** Called once when no run is under way and waiting begins. */
  readonly onWait: () => void;
}

/** The run that is under way, or the next one to start; `undefined` when `signal` aborts before it does. */
export async function findRunToFollow(
  layout: StateLayout,
  { signal, onWait }: FollowOptions,
): Promise<LoggedRun | undefined> {
  const before = listRunLogs(layout);
  const newest = toRun(layout, before, Math.max(...before.keys()));
  if (newest !== undefined && isAlive(layout, newest) && !hasEnded(newest)) return newest;
  onWait();
  while (!signal.aborted) {
    const logs = listRunLogs(layout);
    const started = [...logs.keys()].filter((n) => !before.has(n));
    if (started.length > 0) return toRun(layout, logs, Math.min(...started));
    await pause(signal);
  }
  return undefined;
}

export interface ReadOptions {
  /** Go on until the run has ended, its process is gone or `signal` aborts. Without it, reading ends with the file. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** The lines of a run's log, oldest first; last one without its end, if there is such. */
export async function* readRunLog(layout: StateLayout, run: LoggedRun, options: ReadOptions): AsyncGenerator<LogLine> {
  const { follow, signal } = options;
  using file = openGrowingFile(run.path);
  let ended = !follow;
  for (let silent = silentPolls; ; ) {
    let grew = false;
    for (const text of file.readLines()) {
      const event = parseEventLine(text);
      yield { text, event };
      ended ||= event?.type === 'run.finished';
      grew = true;
    }
    if (ended || signal.aborted) break;
    // What it wrote just before it died is read in one more round.
    if (silent >= silentPolls) ended = !isAlive(layout, run);
    else await pause(signal);
    silent = grew || silent >= silentPolls ? 0 : silent + 1;
  }
  const text = file.rest();
  if (text !== '' && !signal.aborted) yield { text, event: parseEventLine(text) };
}

/** Tells whether the process that writes a run's log is still there. */
export function isAlive(layout: StateLayout, { n, path }: LoggedRun): boolean {
  const holder = probeLock(layout.lock);
  if (holder === undefined || Math.max(...listRunLogs(layout).keys()) > n) return false;
  // Whoever holds the lock now may have taken it from a run that was killed, and not have come to a log of its own.
  const since = Date.parse(holder.since);
  const writtenAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return writtenAt !== undefined && (Number.isNaN(since) || writtenAt >= since);
}

function hasEnded({ path }: LoggedRun): boolean {
  using file = openGrowingFile(path);
  let ended = false;
  for (const text of file.readLines()) ended = parseEventLine(text)?.type === 'run.finished';
  return ended;
}

function toRun(layout: StateLayout, logs: ReadonlyMap<number, string>, n: number): LoggedRun | undefined {
  const name = logs.get(n);
  return name === undefined ? undefined : { n, path: join(layout.logs, name) };
}

async function pause(signal: AbortSignal): Promise<void> {
  await sleep(pollMs, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
