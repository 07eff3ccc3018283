import type { ErrorReport } from '../../../src/core/errors.ts';
import { type HostName, parseHostName } from '../../../src/core/host-name.ts';
import { parseSha } from '../../../src/core/sha.ts';
import {
  type EventData,
  type EventType,
  type HostCounts,
  type HostState,
  hostStates,
  type RunOutcome,
  type ScapEvent,
} from '../../../src/events/event.ts';
import { createRunState, type RunState, reduce } from '../../../src/report/run-view.ts';

export const before = parseSha('1111111111112222222222223333333333334444');
export const after = parseSha('aaaaaaaaaaaabbbbbbbbbbbbccccccccccccdddd');

export function host(name: string): HostName {
  const parsed = parseHostName(name);
  if (parsed === undefined) throw new Error(`not a host name: ${name}`);
  return parsed;
}

/** `mw1001`, `mw1002` … */
export function hosts(count: number): HostName[] {
  return Array.from({ length: count }, (_, i) => host(`mw${1001 + i}`));
}

export function event<T extends EventType>(type: T, data: EventData[T], at = 0): ScapEvent {
  return { type, at, ...data } as unknown as ScapEvent;
}

export const denied: ErrorReport = {
  code: 'permission_denied',
  message: 'Cannot mkdir "/srv/cache/work": permission denied',
  hint: 'Give the user write access to that path',
};

export function runStarted(
  names: readonly HostName[],
  data: Partial<EventData['run.started']> = {},
  at = 0,
): ScapEvent {
  const defaults = {
    n: 12,
    plan: 'p',
    kind: 'push',
    revision: after,
    previous: before,
    user: 'alice',
    message: 'Fix T1',
  };
  return event('run.started', { ...defaults, hosts: names, ...data }, at);
}

export function counts(some: Partial<HostCounts> = {}): HostCounts {
  return { ...(Object.fromEntries(hostStates.map((state) => [state, 0])) as HostCounts), ...some };
}

export function runFinished(outcome: RunOutcome, data: Partial<EventData['run.finished']> = {}, at = 0): ScapEvent {
  const defaults = { n: 12, outcome, revision: after, counts: counts(), durationMs: 1200, error: null };
  return event('run.finished', { ...defaults, ...data }, at);
}

export function hostFinished(
  name: HostName,
  state: HostState,
  data: Partial<EventData['host.finished']> = {},
): ScapEvent {
  const live = state === 'promoted' || state === 'unchanged' ? after : before;
  return event('host.finished', { host: name, state, live, error: null, ...data });
}

/** An event of the task of `name` in `stage`. */
export function task<T extends 'task.started' | 'task.progressed' | 'task.finished' | 'task.failed' | 'task.skipped'>(
  type: T,
  stage: string,
  name: HostName | null,
  { at = 0, ...data }: Partial<EventData[T]> & { readonly at?: number } = {},
): ScapEvent {
  const defaults = {
    'task.started': {},
    'task.progressed': { step: 'receive', unit: 'bytes', done: 0, total: 0 },
    'task.finished': { durationMs: 1200, result: 'link', data: {} },
    'task.failed': { durationMs: 1200, error: denied },
    'task.skipped': { reason: 'done by the interrupted run' },
  }[type];
  return { type, at, task: `${stage}-${name}`, stage, host: name, ...defaults, ...data } as unknown as ScapEvent;
}

export function fold(...events: readonly ScapEvent[]): RunState {
  return events.reduce(reduce, createRunState());
}
