/**
 * What a run looks like so far: a fold over its events. The reporters and the summary read it; so can a log that is played back.
 *
 * An event costs the same however large the fleet is: what there is one of per host, task or failure grows in place, and is never copied.
 */
import type { ErrorReport } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import type { Sha } from '../core/sha.ts';
import type { EventOf, HostState, ScapEvent } from '../events/event.ts';
import { createStageView, reduceStage, type StageView } from './stage-view.ts';

export interface HostView {
  readonly host: HostName;
  /** How the run ended for it; absent while it has not. */
  readonly state: HostState | undefined;
  /** What it serves as far as is known: first what it said when it was connected, then how it ended. */
  readonly live: Sha | null;
  /** Whether `live` being `null` means that it serves nothing. */
  readonly known: boolean;
  /** Whether the revision was brought to it in this run. */
  readonly fetched: boolean;
  readonly error: ErrorReport | null;
}

export interface Failure {
  /** `null` for work on the deploy host. */
  readonly host: HostName | null;
  readonly stage: string | undefined;
  readonly error: ErrorReport;
}

export interface ScanView {
  readonly files: number;
  readonly readBytes: number;
  readonly done: boolean;
  readonly startedAt: number;
}

export interface RunState {
  /** When the first event happened, in milliseconds since 1970. */
  readonly startedAt: number | undefined;
  readonly scan: ScanView | undefined;
  /** The revision that was made or found, known before the run starts. */
  readonly revision: Sha | undefined;
  readonly run: EventOf<'run.started'> | undefined;
  /** In the order they started. The last one is the current one. */
  readonly stages: readonly StageView[];
  readonly hosts: ReadonlyMap<HostName, HostView>;
  readonly failures: readonly Failure[];
  readonly lockAwaited: EventOf<'lock.awaited'> | undefined;
  /** The pause the run is in. */
  readonly soak: EventOf<'soak.started'> | undefined;
  readonly rollback: EventOf<'rollback.started'> | undefined;
  readonly rolledBack: EventOf<'rollback.finished'> | undefined;
  /** The signal that asked the run to stop. */
  readonly interruptedBy: string | undefined;
  readonly result: EventOf<'run.finished'> | undefined;
}

export function createRunState(): RunState {
  return {
    startedAt: undefined,
    scan: undefined,
    revision: undefined,
    run: undefined,
    stages: [],
    hosts: new Map(),
    failures: [],
    lockAwaited: undefined,
    soak: undefined,
    rollback: undefined,
    rolledBack: undefined,
    interruptedBy: undefined,
    result: undefined,
  };
}

/** Returns the state after `event`, which takes over what `state` holds: only the newest one is to be read. */
export function reduce(state: RunState, event: ScapEvent): RunState {
  return reduceKnown(state.startedAt === undefined ? { ...state, startedAt: event.at } : state, event);
}

/** How much of the pause is left at `at`, in milliseconds; `undefined` when there is none, or no more. */
export function soakLeftMs({ soak }: RunState, at: number): number | undefined {
  const leftMs = soak === undefined ? 0 : soak.at + soak.durationMs - at;
  return leftMs > 0 ? leftMs : undefined;
}

/** The stage that runs, if one does. */
export function currentStage(state: RunState): StageView | undefined {
  const last = state.stages.at(-1);
  return last?.durationMs === undefined ? last : undefined;
}

function reduceKnown(state: RunState, event: ScapEvent): RunState {
  switch (event.type) {
    case 'staging.scanned': {
      const { files, readBytes, done, at } = event;
      return { ...state, scan: { files, readBytes, done, startedAt: state.scan?.startedAt ?? at } };
    }
    case 'revision.created':
    case 'revision.reused':
      return { ...state, revision: event.revision };
    case 'lock.awaited':
      return { ...state, lockAwaited: event };
    case 'host.connected':
      return { ...state, lockAwaited: undefined, hosts: setHost(state, event.host, { live: event.live }) };
    case 'host.unreachable':
      return addFailure({ ...state, hosts: setHost(state, event.host, { error: event.error }) }, event);
    case 'run.started':
      return { ...state, lockAwaited: undefined, revision: event.revision, run: event };
    case 'stage.started':
      return {
        ...state,
        soak: undefined,
        stages: [...state.stages, createStageView(event.stage, event.tasks, event.at)],
      };
    case 'stage.finished':
      return updateStage(state, event, (stage) => ({ ...stage, inFlight: new Map(), durationMs: event.durationMs }));
    case 'task.failed':
      return addFailure(
        updateStage(state, event, (stage) => reduceStage(stage, event)),
        event,
      );
    case 'task.finished':
      return noteFetched(
        updateStage(state, event, (stage) => reduceStage(stage, event)),
        event,
      );
    case 'task.started':
    case 'task.progressed':
    case 'task.skipped':
      return updateStage(state, event, (stage) => reduceStage(stage, event));
    case 'soak.started':
      return { ...state, soak: event };
    case 'rollback.started':
      return { ...state, soak: undefined, rollback: event };
    case 'rollback.finished':
      return { ...state, rolledBack: event };
    case 'interrupt.received':
      return { ...state, soak: undefined, interruptedBy: event.signal };
    case 'host.finished': {
      const { host, state: ended, live, known = false, error } = event;
      return { ...state, hosts: setHost(state, host, { state: ended, live, known, error }) };
    }
    case 'run.finished':
      return { ...state, soak: undefined, result: event };
    default:
      return state;
  }
}

function setHost(state: RunState, host: HostName, change: Partial<HostView>): ReadonlyMap<HostName, HostView> {
  const before = state.hosts.get(host) ?? {
    host,
    state: undefined,
    live: null,
    known: false,
    fetched: false,
    error: null,
  };
  return (state.hosts as Map<HostName, HostView>).set(host, { ...before, ...change });
}

function noteFetched(state: RunState, { stage, host }: EventOf<'task.finished'>): RunState {
  if (host === null || (stage !== 'fetch' && stage !== 'seed')) return state;
  return { ...state, hosts: setHost(state, host, { fetched: true }) };
}

function addFailure(state: RunState, event: EventOf<'task.failed' | 'host.unreachable'>): RunState {
  const stage = event.type === 'task.failed' ? event.stage : undefined;
  (state.failures as Failure[]).push({ host: event.host, stage, error: event.error });
  return state;
}

/** Changes the latest stage of that name; a log that lacks the stage's start gets one. */
function updateStage(
  state: RunState,
  { stage: name, at }: { readonly stage: string; readonly at: number },
  change: (stage: StageView) => StageView,
): RunState {
  const index = state.stages.findLastIndex((stage) => stage.name === name);
  if (index < 0) return { ...state, stages: [...state.stages, change(createStageView(name, 0, at))] };
  return { ...state, stages: state.stages.map((stage, i) => (i === index ? change(stage) : stage)) };
}
