import { formatBytes } from '../core/bytes.ts';
import { formatDuration } from '../core/duration.ts';
import { type ErrorReport, unusableState } from '../core/errors.ts';
import { shortSha } from '../core/sha.ts';
import type { DifferenceCounts, EventOf, HostState, RunOutcome, ScapEvent } from '../events/event.ts';
import { formatHosts } from './host-list.ts';
import { toOneLine } from './plain-text.ts';
import { countOf, formatCount, formatHostCounts, listSome, revisionName, stateName } from './wording.ts';

export type Level = 'info' | 'warn' | 'error';

/** One line of the narration. */
export interface Line {
  readonly level: Level;
  readonly text: string;
}

const shownSamples = 5;
const shownHosts = 8;

/**
 * Says in one line of plain English what an event changed; `undefined` when it changed nothing worth a line (progress) or is of a
 * type this version does not know. Pure; the text holds no control characters and no secrets.
 */
export function describeEvent(event: ScapEvent): Line | undefined {
  switch (event.type) {
    case 'staging.scanned':
      return describeScan(event);
    case 'staging.left-out':
      return describeLeftOut(event);
    case 'staging.ignored':
      return describeIgnored(event);
    case 'revision.created':
      return describeCreated(event);
    case 'revision.reused':
      return describeReused(event);
    case 'revision.suspected':
      return warn(`Revision ${shortSha(event.revision)} was rolled back from before, by run ${event.n}`);
    case 'lock.awaited': {
      const { user, pid, since, reason } = event;
      return warn(
        `Waiting for the lock: held by ${toOneLine(user)} (pid ${pid}) since ${toOneLine(since)}, reason ${quote(reason)}`,
      );
    }
    case 'host.connected':
      return info(
        `${event.host}: connected in ${formatDuration(event.durationMs)}, serves ${revisionName(event.live)}`,
      );
    case 'host.unreachable':
      return error(`${event.host}: ${unusableState(event.error.code)}: ${errorText(event.error)}`);
    case 'host.spoke':
      return info(`${event.host}: says ${quote(event.text)}`);
    case 'host.noted':
      return warn(`${event.host}: ${toOneLine(event.message)}`);
    case 'bundle.built':
      return describeBundle(event);
    case 'copy.failed':
      return warn(
        `${event.host}: copying from ${event.from ?? 'the deploy host'} ended at ${formatBytes(event.offset)}: ${errorText(event.error)}`,
      );
    case 'neighbour.failed':
      return warn(`${event.host}: cannot give its revision to hosts near it: ${errorText(event.error)}`);
    case 'bundle.distributed':
      return describeDistribution(event);
    case 'run.started':
      return describeRunStart(event);
    case 'stage.started':
      return info(
        event.tasks === 0
          ? `${event.stage}: nothing to do`
          : `${event.stage}: started, ${countOf(event.tasks, 'task')}`,
      );
    case 'stage.finished':
      return describeStageEnd(event);
    case 'task.started':
      return info(`${subject(event)}: ${event.stage} started`);
    case 'task.progressed':
      return undefined;
    case 'task.finished':
      return describeTaskEnd(event);
    case 'task.failed':
      return error(
        `${subject(event)}: ${event.stage} failed after ${formatDuration(event.durationMs)}: ${errorText(event.error)}`,
      );
    case 'task.skipped':
      return info(`${subject(event)}: ${event.stage} skipped: ${toOneLine(event.reason)}`);
    case 'soak.started':
      return info(`${event.stage}: soaking for ${formatDuration(event.durationMs)} before more hosts are promoted`);
    case 'rollback.started':
      return warn(`Rolling back ${hostsText(event.hosts)}: ${toOneLine(event.reason)}`);
    case 'rollback.finished':
      return describeRollbackEnd(event);
    case 'interrupt.received':
      return warn(
        `Interrupted by ${toOneLine(event.signal)}: nothing new starts, running work reaches a safe point; interrupt again to exit at once`,
      );
    case 'host.finished':
      return describeHostEnd(event);
    case 'run.finished':
      return describeRunEnd(event);
    case 'maintenance.failed':
      return warn(`Maintenance failed, the run is not affected: ${errorText(event.error)}`);
    default:
      event satisfies never;
      return undefined;
  }
}

/** The message of an error as one safe line. */
export function errorText(report: ErrorReport): string {
  return toOneLine(report.message);
}

/** `3 added, 1 removed, 12.3 MB`; `no difference` when there is none. */
export function formatDifferenceCounts({ added, changed, removed, bytes }: DifferenceCounts): string {
  const parts = Object.entries({ added, changed, removed }).filter(([, count]) => count > 0);
  if (parts.length === 0) return 'no difference';
  return [...parts.map(([kind, count]) => `${formatCount(count)} ${kind}`), formatBytes(bytes)].join(', ');
}

function describeScan({ done, files, readBytes }: EventOf<'staging.scanned'>): Line | undefined {
  return done ? info(`Scanned the staging tree: ${countOf(files, 'file')}, ${formatBytes(readBytes)} read`) : undefined;
}

function describeLeftOut(event: EventOf<'staging.left-out'>): Line | undefined {
  const names = event.samples.map(quote);
  const samples = names.length > 0 ? ` (${listSome(names, shownSamples, event.excluded)})` : '';
  const parts = [
    ...(event.excluded > 0 ? [`${countOf(event.excluded, 'excluded path')}${samples}`] : []),
    ...(event.gitDirectories > 0 ? [`.git of ${countOf(event.gitDirectories, 'nested checkout')}`] : []),
    ...(event.reserved ? ['the reserved name ".scap" at the root'] : []),
  ];
  return parts.length > 0 ? info(`Left out of the revision: ${parts.join('; ')}`) : undefined;
}

function describeIgnored({ count, samples }: EventOf<'staging.ignored'>): Line | undefined {
  if (count === 0) return undefined;
  const names = listSome(samples.map(quote), shownSamples, count);
  return warn(`Not in this revision: ${countOf(count, 'other staged difference')}: ${names}`);
}

function describeCreated(event: EventOf<'revision.created'>): Line {
  const base = event.base === null ? 'the first one' : `on ${shortSha(event.base)}`;
  const size = `${countOf(event.files, 'file')}, ${formatBytes(event.bytes)} in all`;
  const change = formatDifferenceCounts(event.difference);
  return info(
    `Created revision ${shortSha(event.revision)}, ${base}, in ${formatDuration(event.durationMs)}: ${change} (${size})`,
  );
}

function describeReused(event: EventOf<'revision.reused'>): Line {
  const size = `${countOf(event.files, 'file')}, ${formatBytes(event.bytes)}`;
  const took = formatDuration(event.durationMs);
  return info(
    `Nothing new to capture: the staging tree equals revision ${shortSha(event.revision)} (${size}; compared in ${took})`,
  );
}

function describeBundle({ revision, base, bytes, durationMs }: EventOf<'bundle.built'>): Line {
  const from = base === null ? '' : ` for hosts that have ${shortSha(base)}`;
  return info(`Packed revision ${shortSha(revision)}${from}: ${formatBytes(bytes)} in ${formatDuration(durationMs)}`);
}

function describeDistribution(event: EventOf<'bundle.distributed'>): Line {
  const { bytes, hosts, failed, origin, sentBytes, tiers, losses, durationMs } = event;
  const deep = tiers.length > 1 ? `, ${tiers.length} tiers deep` : '';
  const again = losses > 0 ? `; ${countOf(losses, 'time')} a copy had to be begun again` : '';
  const missing = failed > 0 ? `; ${countOf(failed, 'host')} did not get it` : '';
  const source = origin === null ? `the deploy host sent ${formatBytes(sentBytes)}` : `from ${origin}, which had it`;
  const text = `Brought ${formatBytes(bytes)} to ${countOf(hosts, 'host')} in ${formatDuration(durationMs)}${deep}: ${source}${again}${missing}`;
  return losses + failed > 0 ? warn(text) : info(text);
}

function describeRunStart(event: EventOf<'run.started'>): Line {
  const before = event.previous === null ? '' : `, before it ${shortSha(event.previous)}`;
  const what = `${toOneLine(event.kind)} of revision ${shortSha(event.revision)} to ${countOf(event.hosts.length, 'host')}${before}`;
  const message = event.message === '' ? '' : `: ${quote(event.message)}`;
  return info(`Run ${event.n}: ${what}, by ${toOneLine(event.user)}${message}`);
}

function describeStageEnd({ stage, ok, failed, durationMs }: EventOf<'stage.finished'>): Line | undefined {
  if (ok + failed === 0) return undefined;
  const took = formatDuration(durationMs);
  return failed > 0
    ? error(`${stage}: ${formatCount(ok)} ok, ${formatCount(failed)} failed in ${took}`)
    : info(`${stage}: ${formatCount(ok)} ok in ${took}`);
}

function describeTaskEnd(event: EventOf<'task.finished'>): Line {
  const result = event.result === '' ? '' : ` (${toOneLine(event.result)})`;
  return info(`${subject(event)}: ${event.stage} ok in ${formatDuration(event.durationMs)}${result}`);
}

function describeRollbackEnd({ restored, failed }: EventOf<'rollback.finished'>): Line {
  if (failed.length === 0) return info(`Rolled back ${hostsText(restored)}`);
  return error(
    `Rolled back only ${restored.length} of ${countOf(restored.length + failed.length, 'host')}; NOT rolled back: ${formatHosts(failed)}`,
  );
}

const hostLevels = {
  promoted: 'info',
  unchanged: 'info',
  'rolled-back': 'warn',
  failed: 'error',
  unreachable: 'error',
  skipped: 'info',
  'not-attempted': 'warn',
} as const satisfies Record<HostState, Level>;

function describeHostEnd({ host, state, live, known, error: report }: EventOf<'host.finished'>): Line {
  const nothing = known ? 'serves nothing' : 'what it serves is unknown';
  const serves = live === null ? nothing : `serves ${revisionName(live)}`;
  const why = report === null ? '' : `: ${errorText(report)}`;
  return { level: hostLevels[state], text: `${host}: ${stateName(state)}, ${serves}${why}` };
}

const outcomeTexts = {
  ok: ['info', 'ok'],
  partial: ['warn', 'partial, some hosts are behind'],
  failed: ['error', 'failed'],
  'rolled-back': ['error', 'failed, rolled back'],
  'not-rolled-back': ['error', 'failed, NOT rolled back'],
  interrupted: ['error', 'interrupted'],
  aborted: ['error', 'aborted'],
} as const satisfies Record<RunOutcome, readonly [Level, string]>;

function describeRunEnd({ n, outcome, counts, durationMs, error: report }: EventOf<'run.finished'>): Line {
  const [level, words] = outcomeTexts[outcome];
  const states = formatHostCounts(counts);
  const details = `${states === '' ? '' : ` (${states})`}${report === null ? '' : `: ${errorText(report)}`}`;
  return { level, text: `Run ${n} ended after ${formatDuration(durationMs)}: ${words}${details}` };
}

/** Who a task works for. */
function subject({ host }: { readonly host: string | null }): string {
  return host ?? 'deploy host';
}

function hostsText(hosts: readonly string[]): string {
  return hosts.length === 0 ? 'no host' : `${countOf(hosts.length, 'host')} (${formatHosts(hosts, shownHosts)})`;
}

function quote(text: string): string {
  return `"${toOneLine(text)}"`;
}

function info(text: string): Line {
  return { level: 'info', text };
}

function warn(text: string): Line {
  return { level: 'warn', text };
}

function error(text: string): Line {
  return { level: 'error', text };
}
