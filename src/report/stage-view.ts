/** How far one stage is, folded from the events of its tasks. */
import type { HostName } from '../core/host-name.ts';
import type { EventOf } from '../events/event.ts';

/** A task that runs. `total` 0 means unknown. */
export interface TaskView {
  readonly task: string;
  readonly host: HostName | null;
  readonly startedAt: number;
  /** Empty until the first progress. */
  readonly step: string;
  readonly unit: 'files' | 'bytes';
  readonly done: number;
  readonly total: number;
  /** The largest part of a step that was ever done, 0 to 1. */
  readonly reached: number;
}

export interface Amount {
  readonly done: number;
  /** What is known of it so far; grows as tasks say what they have to do. */
  readonly total: number;
}

export interface StageView {
  readonly name: string;
  readonly tasks: number;
  readonly ok: number;
  readonly failed: number;
  readonly skipped: number;
  readonly inFlight: ReadonlyMap<string, TaskView>;
  readonly bytes: Amount;
  readonly files: Amount;
  readonly startedAt: number;
  readonly durationMs: number | undefined;
  /** Oldest first, some ten seconds of them: what the rate is measured from. */
  readonly samples: readonly { readonly at: number; readonly bytes: number; readonly files: number }[];
}

const sampleEveryMs = 500;
const rateWindowMs = 10_000;

export function createStageView(name: string, tasks: number, at: number): StageView {
  const nothing = { done: 0, total: 0 };
  return {
    name,
    tasks,
    ok: 0,
    failed: 0,
    skipped: 0,
    inFlight: new Map(),
    bytes: nothing,
    files: nothing,
    startedAt: at,
    durationMs: undefined,
    samples: [{ at, bytes: 0, files: 0 }],
  };
}

type TaskEvent = EventOf<'task.started' | 'task.progressed' | 'task.finished' | 'task.failed' | 'task.skipped'>;

/** The stage after an event of one of its tasks. It takes over the tasks of `stage`, which is not to be read any more. */
export function reduceStage(stage: StageView, event: TaskEvent): StageView {
  switch (event.type) {
    case 'task.started':
      return { ...stage, inFlight: own(stage).set(event.task, createTask(event)) };
    case 'task.progressed':
      return addSample(progressTask(stage, event), event.at);
    case 'task.finished':
      return { ...endTask(stage, event.task), ok: stage.ok + 1 };
    case 'task.failed':
      return { ...endTask(stage, event.task), failed: stage.failed + 1 };
    case 'task.skipped':
      return { ...endTask(stage, event.task), skipped: stage.skipped + 1 };
  }
}

/** How many tasks have not started; after the stage ended these were not attempted. */
export function tasksLeft({ tasks, ok, failed, skipped, inFlight }: StageView): number {
  return Math.max(0, tasks - ok - failed - skipped - inFlight.size);
}

function createTask({ task, host, at }: TaskEvent): TaskView {
  return { task, host, startedAt: at, step: '', unit: 'files', done: 0, total: 0, reached: 0 };
}

function progressTask(stage: StageView, event: EventOf<'task.progressed'>): StageView {
  const before = stage.inFlight.get(event.task) ?? createTask(event);
  const { step, unit, done, total } = event;
  const goesOn = before.step === step && before.unit === unit;
  const fraction = total > 0 ? Math.min(1, done / total) : 0;
  const task = { ...before, step, unit, done, total, reached: Math.max(before.reached, fraction) };
  const amount = {
    done: stage[unit].done + done - (goesOn ? before.done : 0),
    total: stage[unit].total + total - (goesOn ? before.total : 0),
  };
  return { ...stage, inFlight: own(stage).set(event.task, task), [unit]: amount };
}

/** What a task announced and did not do is not awaited any more. */
function endTask(stage: StageView, name: string): StageView {
  const task = stage.inFlight.get(name);
  if (task === undefined) return stage;
  own(stage).delete(name);
  const { done, total } = stage[task.unit];
  const unfinished = Math.max(0, task.total - task.done);
  return { ...stage, [task.unit]: { done, total: total - unfinished } };
}

/** Nobody else writes it: copied for each event, thousands of hosts would take quadratic time. */
function own({ inFlight }: StageView): Map<string, TaskView> {
  return inFlight as Map<string, TaskView>;
}

function addSample(stage: StageView, at: number): StageView {
  const last = stage.samples.at(-1);
  if (last !== undefined && at - last.at < sampleEveryMs) return stage;
  const recent = stage.samples.filter((sample) => at - sample.at <= rateWindowMs);
  return { ...stage, samples: [...recent, { at, bytes: stage.bytes.done, files: stage.files.done }] };
}
