import type { ErrorReport } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import { errorText } from './describe-event.ts';
import { withoutHost } from './fold-repeats.ts';
import { toOneLine } from './plain-text.ts';

/** An error and everybody who met it. */
export interface FailureGroup {
  /** With `HOST` for the host's name when several met it. */
  readonly message: string;
  readonly hint: string | undefined;
  /** Empty for work on the deploy host. */
  readonly hosts: readonly HostName[];
}

interface HostFailure {
  readonly host: HostName | null;
  readonly error: ErrorReport;
}

/** Groups failures whose errors read the same but for the host's name, in the order of their first. */
export function groupFailures(failures: readonly HostFailure[]): FailureGroup[] {
  const groups = new Map<string, HostFailure[]>();
  for (const failure of failures) {
    const key =
      failure.host === null ? `:${errorText(failure.error)}` : withoutHost(errorText(failure.error), failure.host);
    const members = groups.get(key);
    if (members === undefined) groups.set(key, [failure]);
    else members.push(failure);
  }
  return [...groups].map(([key, members]) => toGroup(key, members));
}

function toGroup(key: string, members: readonly HostFailure[]): FailureGroup {
  const hosts = [...new Set(members.flatMap(({ host }) => (host === null ? [] : [host])))];
  const [first] = members;
  const alone = hosts.length <= 1 && first !== undefined;
  const hint = first?.error.hint === undefined ? undefined : toOneLine(first.error.hint);
  const [only] = hosts;
  return {
    message: alone ? errorText(first.error) : key,
    hint: hint === undefined || alone || only === undefined ? hint : withoutHost(hint, only),
    hosts,
  };
}
