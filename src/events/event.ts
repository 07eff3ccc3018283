/**
 * Everything that happens in a run, as typed data. The engine emits events and formats no sentence; the terminal, `--json`, the run's
 * log and whatever comes later only read them.
 *
 * Types are `noun.past-participle` and, like their fields, never renamed: logs outlive versions.
 */
import type { ErrorReport } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import type { Sha } from '../core/sha.ts';

/** How a run ended for one host (DESIGN invariant 8). */
export type HostState =
  | 'promoted'
  | 'unchanged'
  | 'rolled-back'
  | 'failed'
  | 'unreachable'
  | 'skipped'
  | 'not-attempted';

export const hostStates: readonly HostState[] = [
  'promoted',
  'unchanged',
  'rolled-back',
  'failed',
  'unreachable',
  'skipped',
  'not-attempted',
];

export type HostCounts = Readonly<Record<HostState, number>>;

/** How a whole run ended. */
export type RunOutcome = 'ok' | 'partial' | 'failed' | 'rolled-back' | 'not-rolled-back' | 'interrupted' | 'aborted';

export interface DifferenceCounts {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  /** Size of everything added or changed. */
  readonly bytes: number;
}

/** What each type of event carries. */
export interface EventData {
  /** Reading the staging tree; repeated at most a few times a second. */
  'staging.scanned': { readonly files: number; readonly readBytes: number; readonly done: boolean };
  /** What the capture did not take, by rule. */
  'staging.left-out': {
    readonly excluded: number;
    readonly samples: readonly string[];
    readonly gitDirectories: number;
    readonly reserved: boolean;
  };
  /** Staged differences outside the paths asked for, of a partial push. */
  'staging.ignored': { readonly count: number; readonly samples: readonly string[] };
  'revision.created': {
    readonly revision: Sha;
    readonly base: Sha | null;
    readonly files: number;
    readonly bytes: number;
    readonly difference: DifferenceCounts;
    readonly durationMs: number;
  };
  /** The staging tree's bytes are those of an existing revision. */
  'revision.reused': {
    readonly revision: Sha;
    readonly files: number;
    readonly bytes: number;
    readonly durationMs: number;
  };
  /** What is about to be deployed was rolled back from before, by run `n`. */
  'revision.suspected': { readonly revision: Sha; readonly n: number };
  'lock.awaited': { readonly user: string; readonly pid: number; readonly since: string; readonly reason: string };
  'host.connected': { readonly host: HostName; readonly live: Sha | null; readonly durationMs: number };
  'host.unreachable': { readonly host: HostName; readonly error: ErrorReport };
  /** Text from a target that is no protocol: a login banner, a warning of a tool. */
  'host.spoke': { readonly host: HostName; readonly text: string };
  /** Something worth knowing that is no failure: drift that was repaired, a strategy that was not available. */
  'host.noted': { readonly host: HostName; readonly code: string; readonly message: string };
  'bundle.built': {
    readonly revision: Sha;
    readonly base: Sha | null;
    readonly bytes: number;
    readonly durationMs: number;
  };
  /** A copy of a large bundle ended early; the target goes on elsewhere, from `offset`. */
  'copy.failed': {
    readonly host: HostName;
    /** The source; `null` is the deploy host. */
    readonly from: HostName | null;
    /** How many bytes the target has. */
    readonly offset: number;
    readonly error: ErrorReport;
  };
  /** A host near new ones could not be their source. They are given the revision from afar. */
  'neighbour.failed': { readonly host: HostName; readonly error: ErrorReport };
  /** A large bundle went from target to target, and everybody has it or will not get it. */
  'bundle.distributed': {
    readonly sha256: string;
    /** The host that had the revision and made the bundle; `null` is the deploy host. */
    readonly origin: HostName | null;
    readonly bytes: number;
    /** How many targets have it. */
    readonly hosts: number;
    readonly failed: number;
    /** What the deploy host sent, to all targets together; nothing when another host is the origin. */
    readonly sentBytes: number;
    /** The first tier got its last bytes from the origin, the second from the first, and so on. */
    readonly tiers: readonly { readonly hosts: number; readonly bytes: number }[];
    /** Copies that failed, and copies from the deploy host that were too slow. */
    readonly losses: number;
    readonly durationMs: number;
  };
  'run.started': {
    readonly n: number;
    readonly plan: string;
    readonly kind: string;
    readonly revision: Sha;
    readonly previous: Sha | null;
    readonly hosts: readonly HostName[];
    readonly user: string;
    readonly message: string;
  };
  'stage.started': { readonly stage: string; readonly tasks: number };
  'stage.finished': {
    readonly stage: string;
    readonly ok: number;
    readonly failed: number;
    readonly durationMs: number;
  };
  'task.started': { readonly task: string; readonly stage: string; readonly host: HostName | null };
  /** How far a task is; repeated at most a few times a second. `total` 0 means unknown. */
  'task.progressed': {
    readonly task: string;
    readonly stage: string;
    readonly host: HostName | null;
    readonly step: string;
    readonly unit: 'files' | 'bytes';
    readonly done: number;
    readonly total: number;
  };
  'task.finished': {
    readonly task: string;
    readonly stage: string;
    readonly host: HostName | null;
    readonly durationMs: number;
    /** One word or two for people: `link`, `already complete`. */
    readonly result: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
  'task.failed': {
    readonly task: string;
    readonly stage: string;
    readonly host: HostName | null;
    readonly durationMs: number;
    readonly error: ErrorReport;
  };
  /** A resumed run found the task done. */
  'task.skipped': {
    readonly task: string;
    readonly stage: string;
    readonly host: HostName | null;
    readonly reason: string;
  };
  /** A pause before more is promoted; it ends with the next stage, an interrupt or the run. */
  'soak.started': { readonly stage: string; readonly durationMs: number };
  'rollback.started': { readonly hosts: readonly HostName[]; readonly reason: string };
  'rollback.finished': { readonly restored: readonly HostName[]; readonly failed: readonly HostName[] };
  'interrupt.received': { readonly signal: string };
  'host.finished': {
    readonly host: HostName;
    readonly state: HostState;
    /** What it serves now; `null` is nothing when that is known, and otherwise unknown. */
    readonly live: Sha | null;
    /** Absent in logs of versions that could not tell. */
    readonly known?: boolean;
    readonly error: ErrorReport | null;
  };
  'run.finished': {
    readonly n: number;
    readonly outcome: RunOutcome;
    readonly revision: Sha;
    readonly counts: HostCounts;
    readonly durationMs: number;
    readonly error: ErrorReport | null;
  };
  /** Work on the deploy host after the run that failed without consequence. */
  'maintenance.failed': { readonly error: ErrorReport };
}

export type EventType = keyof EventData;

export type ScapEvent = {
  readonly [T in EventType]: { readonly type: T; readonly at: number } & EventData[T];
}[EventType];

export type EventOf<T extends EventType> = Extract<ScapEvent, { readonly type: T }>;

export type EventListener = (event: ScapEvent) => void;

/** Where the engine says what happens. */
export interface EventBus {
  emit<T extends EventType>(type: T, data: EventData[T]): void;
  /** Tells `listener` everything from now on; returns how to stop that. */
  listen(listener: EventListener): () => void;
}

export interface EventBusOptions {
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Told when a listener threw; once per listener, which is then told nothing more. */
  readonly onListenerError?: (error: unknown) => void;
}

/**
 * Makes a bus that tells its listeners synchronously, in the order they came. A listener that throws is dropped: a reader's bug must not stop a
 * run half-way through a promotion.
 */
export function createEventBus({ now = Date.now, onListenerError }: EventBusOptions = {}): EventBus {
  const listeners = new Set<EventListener>();
  const tell = (listener: EventListener, event: ScapEvent) => {
    try {
      listener(event);
    } catch (error) {
      listeners.delete(listener);
      onListenerError?.(error);
    }
  };
  return {
    emit: (type, data) => {
      const event = { type, at: now(), ...data } as unknown as ScapEvent;
      for (const listener of listeners) tell(listener, event);
    },
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
