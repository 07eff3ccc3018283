import { formatBytes } from '../core/bytes.ts';
import { formatDuration } from '../core/duration.ts';
import type { HostName } from '../core/host-name.ts';
import { formatHosts } from './host-list.ts';
import { type StageView, tasksLeft } from './stage-view.ts';
import { formatCount } from './wording.ts';

const namedInFlight = 3;

/**
 * `fetch: 12 of 200 ok, 1 failed, 30 in flight, 157 left`; names the hosts in flight once they are the last few. Of a stage that
 * ended: `fetch: 12 of 200 ok, 1 failed, 187 not attempted in 3.0 s`.
 */
export function formatStageCounts(stage: StageView): string {
  const ended = stage.durationMs !== undefined;
  const left = tasksLeft(stage);
  if (ended && stage.tasks === 0 && stage.ok + stage.failed + stage.skipped === 0)
    return `${stage.name}: nothing to do`;
  const parts = [
    stage.tasks > 0 ? `${formatCount(stage.ok)} of ${formatCount(stage.tasks)} ok` : `${formatCount(stage.ok)} ok`,
    ...part(stage.failed, 'failed'),
    ...part(stage.skipped, 'skipped'),
    ...part(stage.inFlight.size, `in flight${left === 0 ? lastHosts(stage) : ''}`),
    ...part(left, ended ? 'not attempted' : 'left'),
  ];
  return `${stage.name}: ${parts.join(', ')}${ended ? ` in ${formatDuration(stage.durationMs)}` : ''}`;
}

/** How much of a stage is done, 0 to 1; 1 only when nothing is in flight or left. Never goes back. */
export function stageFraction(stage: StageView): number {
  if (stage.tasks === 0) return 0;
  let done = stage.ok + stage.failed + stage.skipped;
  if (done >= stage.tasks) return 1;
  for (const { reached } of stage.inFlight.values()) done += reached;
  return Math.min(0.99, done / stage.tasks);
}

/** `1.2 GB of 3.4 GB, 120 MB/s, 20 s left`, in bytes while any task moves bytes, else in files; empty when nothing moves. */
export function formatMovement(stage: StageView, at: number): string {
  const unit = movingUnit(stage);
  if (unit === undefined) return '';
  const { done, total } = stage[unit];
  const format = (amount: number) => (unit === 'bytes' ? formatBytes(amount) : formatCount(Math.round(amount)));
  const rate = measureRate(stage, unit, at);
  const timeLeftMs = estimateTimeLeft(stage, unit, at);
  return [
    `${format(done)}${total > done ? ` of ${format(total)}` : ''}${unit === 'files' ? ' files' : ''}`,
    ...(rate === undefined ? [] : [`${format(rate)}/s`]),
    ...(timeLeftMs === undefined ? [] : [`${formatDuration(Math.max(1000, timeLeftMs))} left`]),
  ].join(', ');
}

/** Units per second over the last seconds; `undefined` before there is anything to measure. */
export function measureRate(stage: StageView, unit: 'bytes' | 'files', at: number): number | undefined {
  const oldest = stage.samples[0];
  if (oldest === undefined || at - oldest.at < 1000) return undefined;
  return Math.max(0, ((stage[unit].done - oldest[unit]) * 1000) / (at - oldest.at));
}

/** Tasks that have not said what they have to do are taken to have as much as the others. */
function estimateTimeLeft(stage: StageView, unit: 'bytes' | 'files', at: number): number | undefined {
  const rate = measureRate(stage, unit, at);
  const started = stage.tasks - tasksLeft(stage);
  const { done, total } = stage[unit];
  if (!rate || started === 0 || total === 0) return undefined;
  const expected = total * (stage.tasks / started);
  return expected > done ? ((expected - done) / rate) * 1000 : undefined;
}

function movingUnit(stage: StageView): 'bytes' | 'files' | undefined {
  const tasks = [...stage.inFlight.values()].filter(({ step }) => step !== '');
  if (tasks.length === 0) return undefined;
  return tasks.some(({ unit }) => unit === 'bytes') ? 'bytes' : 'files';
}

function part(count: number, words: string): string[] {
  return count > 0 ? [`${formatCount(count)} ${words}`] : [];
}

/** Looks at no more hosts than it would name: it is asked after every event, of stages in which thousands are in flight. */
function lastHosts({ inFlight }: StageView): string {
  const hosts: HostName[] = [];
  for (const { host } of inFlight.values()) {
    if (host !== null) hosts.push(host);
    if (hosts.length > namedInFlight) return '';
  }
  return hosts.length > 0 ? ` (${formatHosts(hosts)})` : '';
}
