import type { ErrorReport } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import { errorText } from './describe-event.ts';
import { commonText } from './fold-repeats.ts';
import { formatHosts, hostArguments } from './host-list.ts';
import { withConfig } from './own-commands.ts';
import { toOneLine } from './plain-text.ts';
import type { Style } from './style.ts';
import { countOf } from './wording.ts';

const shownHosts = 20;

/** An error and everybody who met it. */
export interface FailureGroup {
  /** With `HOST`, `ADDRESS` and `FINGERPRINT` for what is each host's own when several met it. */
  readonly message: string;
  /** Names all of the hosts where it names one, in the form a shell takes. */
  readonly hint: string | undefined;
  /** Empty for work on the deploy host. */
  readonly hosts: readonly HostName[];
}

interface HostFailure {
  readonly host: HostName | null;
  readonly error: ErrorReport;
}

/** Groups failures whose errors read the same but for what is each host's own, in the order of their first. */
export function groupFailures(failures: readonly HostFailure[]): FailureGroup[] {
  const groups = new Map<string, HostFailure[]>();
  for (const failure of failures) {
    const key =
      failure.host === null
        ? `:${errorText(failure.error)}`
        : commonText(errorText(failure.error), failure.host, failure.error);
    const members = groups.get(key);
    if (members === undefined) groups.set(key, [failure]);
    else members.push(failure);
  }
  return [...groups].map(([key, members]) => toGroup(key, members));
}

/** Each error once: who met it, what it says, what helps. `config` is the value of `--config`. */
export function formatFailures(groups: readonly FailureGroup[], style: Style, config: string | undefined): string[] {
  return groups.flatMap(({ hosts, message, hint }) => [
    `${style('error', who(hosts))} ${message}`,
    ...(hosts.length > 1 ? [`  ${formatHosts(hosts, shownHosts)}`] : []),
    ...(hint === undefined ? [] : [`  hint: ${withConfig(hint, config)}`]),
  ]);
}

function who(hosts: readonly string[]): string {
  const [only] = hosts;
  if (only === undefined) return 'error:';
  return hosts.length === 1 ? `${only}:` : `${countOf(hosts.length, 'host')}:`;
}

function toGroup(key: string, members: readonly HostFailure[]): FailureGroup {
  const hosts = [...new Set(members.flatMap(({ host }) => (host === null ? [] : [host])))];
  const [first] = members as [HostFailure, ...HostFailure[]];
  const alone = hosts.length <= 1;
  const hint = first.error.hint === undefined ? undefined : toOneLine(first.error.hint);
  const [only] = hosts;
  return {
    message: alone ? errorText(first.error) : key,
    hint:
      hint === undefined || alone || only === undefined ? hint : commonHint(commonText(hint, only, first.error), hosts),
    hosts,
  };
}

/** Commands of ours take several hosts. */
function commonHint(hint: string, hosts: readonly HostName[]): string {
  return hint.replace(/\bscap (hosts trust|seed) HOST\b/g, (_, verb: string) => `scap ${verb} ${hostArguments(hosts)}`);
}
