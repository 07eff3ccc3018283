/** Which fields events have, at run time: the compiler asks for one that is added to `EventData` here, too. */
import type { ErrorReport } from '../core/errors.ts';
import { type DifferenceCounts, type HostState, hostStates } from './event.ts';
import type { LoggedEvent } from './event-line.ts';

/** What a field holds: a plain value or list, fields of its own, or anything (data of a stage). */
export type FieldShape = 'value' | 'any' | { readonly [field: string]: FieldShape };

type FieldsOf<T> = T extends unknown ? keyof T : never;

const difference: Record<keyof DifferenceCounts, FieldShape> = {
  added: 'value',
  changed: 'value',
  removed: 'value',
  bytes: 'value',
};
const error: Record<keyof ErrorReport, FieldShape> = {
  code: 'value',
  message: 'value',
  hint: 'value',
  data: 'any',
  stack: 'value',
};
const counts = Object.fromEntries(hostStates.map((state) => [state, 'value'])) as Record<HostState, FieldShape>;

export const eventFields: Readonly<Record<FieldsOf<LoggedEvent>, FieldShape>> = {
  type: 'value',
  at: 'value',
  level: 'value',
  files: 'value',
  readBytes: 'value',
  done: 'value',
  excluded: 'value',
  samples: 'value',
  gitDirectories: 'value',
  reserved: 'value',
  count: 'value',
  revision: 'value',
  base: 'value',
  bytes: 'value',
  durationMs: 'value',
  n: 'value',
  user: 'value',
  pid: 'value',
  since: 'value',
  reason: 'value',
  host: 'value',
  origin: 'value',
  live: 'value',
  text: 'value',
  code: 'value',
  message: 'value',
  plan: 'value',
  kind: 'value',
  previous: 'value',
  hosts: 'value',
  stage: 'value',
  tasks: 'value',
  ok: 'value',
  failed: 'value',
  task: 'value',
  step: 'value',
  unit: 'value',
  total: 'value',
  result: 'value',
  restored: 'value',
  signal: 'value',
  state: 'value',
  known: 'value',
  outcome: 'value',
  sha256: 'value',
  from: 'value',
  offset: 'value',
  sentBytes: 'value',
  losses: 'value',
  tiers: 'any',
  difference,
  error,
  counts,
  data: 'any',
};
