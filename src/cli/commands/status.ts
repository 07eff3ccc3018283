import { type ExitStatus, exitStatus } from '../../core/errors.ts';
import { shortSha } from '../../core/sha.ts';
import { type FleetStatus, type HostStatus, readFleetStatus } from '../../deploy/fleet-status.ts';
import { formatFailures, groupFailures } from '../../report/group-failures.ts';
import { toOneLine } from '../../report/plain-text.ts';
import { createStyle, type Tone } from '../../report/style.ts';
import { formatTable } from '../../report/table.ts';
import { countOf, formatCount } from '../../report/wording.ts';
import type { Io } from '../io.ts';
import { type CommonOptions, runSession } from '../session.ts';
import { formatTime } from '../time.ts';

export interface StatusOptions extends CommonOptions {
  readonly limit?: string | undefined;
}

/** `scap status`: exit 1 when some host is not as it should be. */
export function runStatus(io: Io, options: StatusOptions): Promise<ExitStatus> {
  return runSession(io, { ...options, textNamesUnreached: true }, async ({ host, colour }) => {
    const status = await readFleetStatus(host, { limit: options.limit });
    const whole = status.hosts.every(
      ({ state }) => state === 'current' || (state === 'empty' && status.desired === undefined),
    );
    return {
      status: whole ? exitStatus.ok : exitStatus.partial,
      json: toJson(whole, status),
      text: formatStatus(status, colour, options.config).join('\n'),
    };
  });
}

function toJson(ok: boolean, { skipped, ...status }: FleetStatus) {
  return { ok, ...status, desired: status.desired ?? null, ...(skipped.length > 0 && { skipped }) };
}

const tones: Readonly<Record<HostStatus['state'], Tone>> = {
  current: 'good',
  behind: 'warn',
  empty: 'warn',
  drifted: 'error',
  broken: 'error',
  unknown: 'error',
  foreign: 'error',
  'unknown-revision': 'error',
  failed: 'error',
  unreachable: 'error',
};

function formatStatus(status: FleetStatus, colour: boolean, config: string | undefined): string[] {
  const { desired, newest, hold, running, hosts, lastDeploy } = status;
  const style = createStyle(colour);
  const head = [
    desired === undefined
      ? 'Nothing was deployed yet'
      : `Revision ${style('strong', shortSha(desired))} should be live`,
    ...(newest !== undefined && newest !== desired
      ? [`The newest revision is ${shortSha(newest)}; it is not what should be live`]
      : []),
    ...(lastDeploy
      ? [
          `Last run: ${lastDeploy.n} (${lastDeploy.kind}) by ${lastDeploy.user}, ${lastDeploy.outcome}, ${formatTime(lastDeploy.startedAt)}`,
        ]
      : []),
    ...(hold
      ? [style('warn', toOneLine(`Hold: ${hold.user} on ${hold.host} since ${hold.since}: ${hold.reason}`))]
      : []),
    ...(running
      ? [
          style(
            'warn',
            toOneLine(`Running: ${running.user} (pid ${running.pid}) since ${running.since}: ${running.reason}`),
          ),
        ]
      : []),
  ];
  const rows = hosts.map((host) => [
    host.host,
    host.group,
    host.state,
    liveText(host),
    sinceText(host),
    host.live === undefined ? '' : host.complete.length,
    host.drift ?? '',
  ]);
  const columns = [
    { header: 'HOST' },
    { header: 'GROUP' },
    { header: 'STATE', style: (text: string) => style(tones[text.trim() as HostStatus['state']] ?? 'plain', text) },
    { header: 'LIVE' },
    { header: 'SINCE' },
    { header: 'COMPLETE' },
    { header: 'DRIFT' },
  ];
  const problems = formatFailures(
    groupFailures(hosts.flatMap(({ host, error }) => (error ? [{ host, error }] : []))),
    style,
    config,
  );
  return [
    ...head,
    '',
    ...formatTable(columns, rows),
    ...(problems.length > 0 ? ['', ...problems] : []),
    '',
    countLine(status),
  ];
}

/** `4 hosts: 2 current, 1 behind, 1 unreachable; 3 left out by --limit` */
function countLine({ hosts, counts, skipped }: FleetStatus): string {
  const states = Object.entries(counts).map(([state, count]) => `${formatCount(count)} ${state}`);
  const leftOut = skipped.length > 0 ? `; ${formatCount(skipped.length)} left out by --limit` : '';
  return `${countOf(hosts.length, 'host')}: ${states.join(', ')}${leftOut}`;
}

function sinceText({ liveSince, lastSeen }: HostStatus): string {
  if (lastSeen !== undefined) return `seen ${formatTime(lastSeen.at)}`;
  return liveSince === undefined ? '' : formatTime(liveSince);
}

function liveText({ live, lastSeen }: HostStatus): string {
  if (lastSeen !== undefined) return `was ${lastSeen.live === null ? 'nothing' : shortSha(lastSeen.live)}`;
  if (live === undefined) return '';
  return live.kind === 'revision' ? shortSha(live.sha) : live.kind;
}
