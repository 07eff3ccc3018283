import { join } from 'node:path';
import type { Sha } from '../core/sha.ts';
import type { EventOf, ScapEvent } from '../events/event.ts';
import { parseEventLine } from '../events/event-line.ts';
import { allTasks, type Plan, type Task } from '../plan/plan.ts';
import { probeLock } from '../system/file-lock.ts';
import { openGrowingFile } from '../system/growing-file.ts';
import type { TaskResult } from './commands/command.ts';
import { appendDeployRecord, type DeployRecord, listRunLogs, readDeployRecords } from './deploy-records.ts';
import type { StateLayout } from './state-layout.ts';
import type { TargetReport } from './target-client.ts';

/** A run that was killed left a log and no record: says so in a record of its own. Call it under the writer's lock. */
export function recordAbortedRuns(layout: StateLayout, deployHost: string): void {
  for (const record of findAborted(layout, listRunLogs(layout), readDeployRecords(layout), deployHost))
    appendDeployRecord(layout, record);
}

/** All records, with those that the next run will make of runs that were killed. For readers: the run that is at work is not among them. */
export function readAllRecords(layout: StateLayout, deployHost: string): DeployRecord[] {
  // In this order: a run begins its log after it took the lock, and adds its record before it lets go.
  const logs = listRunLogs(layout);
  const isRunning = probeLock(layout.lock) !== undefined;
  const records = readDeployRecords(layout);
  return isRunning ? records : [...records, ...findAborted(layout, logs, records, deployHost)];
}

function findAborted(
  layout: StateLayout,
  logs: ReadonlyMap<number, string>,
  records: readonly DeployRecord[],
  host: string,
): DeployRecord[] {
  const recorded = new Set(records.map(({ n }) => n));
  const unrecorded = [...logs].filter(([n]) => !recorded.has(n)).sort(([a], [b]) => a - b);
  return unrecorded.flatMap(([n, name]): DeployRecord[] => {
    const started = findStart(join(layout.logs, name));
    if (started === undefined) return [];
    const { plan, kind, revision: sha, previous, user, message, at } = started;
    const startedAt = new Date(at).toISOString();
    const end = { finishedAt: null, outcome: 'aborted', counts: null, hosts: {} } as const;
    return [{ n, plan, kind, sha, previous, user, host, message, startedAt, ...end }];
  });
}

/**
 * The events of a run's log, oldest first, read as they are asked for: the log of a large fleet is larger than what should be held at once. What
 * is no event, such as a last line cut short, is passed over.
 */
export function* readRunEvents(path: string): Generator<ScapEvent, void, void> {
  using file = openGrowingFile(path);
  for (const line of file.readLines()) {
    const event = parseEventLine(line);
    if (event !== undefined) yield event;
  }
  const last = parseEventLine(file.rest());
  if (last !== undefined) yield last;
}

function findStart(path: string): EventOf<'run.started'> | undefined {
  for (const event of readRunEvents(path)) if (event.type === 'run.started') return event;
  return undefined;
}

/** Tasks that earlier, unfinished runs of a plan have done, with what they came to. */
export function doneTasks(layout: StateLayout, plan: string): Map<string, TaskResult> {
  const done = new Map<string, TaskResult>();
  for (const [, name] of [...listRunLogs(layout)].sort(([a], [b]) => a - b)) {
    const path = join(layout.logs, name);
    if (findStart(path)?.plan !== plan) continue;
    for (const event of readRunEvents(path)) {
      if (event.type === 'task.finished') done.set(event.task, { result: event.result, data: event.data });
      // What was rolled back is not done any more.
      if (event.type === 'rollback.finished') for (const host of event.restored) done.delete(`promote@${host}`);
    }
  }
  return done;
}

/** How the world is when a plan is resumed. */
export interface ResumedWorld {
  /** What should be live. */
  readonly live: Sha | undefined;
  /** What each host that answered says, by name. */
  readonly reports: ReadonlyMap<string, TargetReport>;
}

/** Of what was done, what still is: a host may have been deployed to, or lost its cache, and what should be live may have moved, since. */
export function stillDone(
  done: ReadonlyMap<string, TaskResult>,
  plan: Plan,
  { live, reports }: ResumedWorld,
): Map<string, TaskResult> {
  const holds = ({ id, command, host }: Task): boolean => {
    if (!done.has(id)) return false;
    if (command === 'record') return live === plan.revision;
    const report = host === undefined ? undefined : reports.get(host);
    if (command === 'promote') return report?.live.kind === 'revision' && report.live.sha === plan.revision;
    return command !== 'fetch' || report?.complete.includes(plan.revision) === true;
  };
  const tasks = allTasks(plan).filter(holds);
  return new Map(tasks.flatMap(({ id }) => [[id, done.get(id) as TaskResult] as const]));
}
