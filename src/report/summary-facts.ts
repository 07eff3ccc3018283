import type { HostName } from '../core/host-name.ts';
import type { Sha } from '../core/sha.ts';
import { type EventOf, type HostCounts, hostStates, type RunOutcome } from '../events/event.ts';
import { toOneLine } from './plain-text.ts';
import type { HostView, RunState } from './run-view.ts';

/** What the events prove about a run. */
export interface RunFacts {
  readonly n: number;
  readonly kind: string;
  readonly revision: Sha;
  readonly previous: Sha | null;
  /** Every host of the run; without a state and an error when its end was not told. */
  readonly hosts: readonly HostView[];
  /** Hosts that the run was not for; counted nowhere else. */
  readonly leftOut: readonly HostName[];
  readonly counts: HostCounts;
  /** Hosts that serve the revision at the end. */
  readonly liveOn: readonly HostName[];
  /** Hosts of which it is not known what they serve at the end. */
  readonly unknownOn: readonly HostName[];
  /** Whether a live path may have been moved. */
  readonly promoteStarted: boolean;
  /** Absent when the end of the run was not told. */
  readonly outcome: RunOutcome | undefined;
  readonly durationMs: number;
  readonly interruptedBy: string | undefined;
}

export function gatherFacts(state: RunState, run: EventOf<'run.started'>): RunFacts {
  const ended = [...state.hosts.values()].filter((view) => view.state !== undefined);
  const planned = new Set(run.hosts);
  const leftOut = ended.filter((view) => view.state === 'skipped' && !planned.has(view.host)).map(({ host }) => host);
  const names = new Set([...run.hosts, ...ended.map(({ host }) => host)]);
  for (const host of leftOut) names.delete(host);
  const hosts = [...names].map((host) => hostAtEnd(state.hosts.get(host), host));
  const count = (wanted: HostView['state']) => hosts.filter((view) => view.state === wanted).length;
  const counts = Object.fromEntries(hostStates.map((name) => [name, count(name)])) as HostCounts;
  const moved = counts.promoted + counts['rolled-back'] > 0 || state.rollback !== undefined;
  return {
    n: run.n,
    kind: toOneLine(run.kind),
    revision: run.revision,
    previous: run.previous,
    hosts,
    leftOut,
    counts,
    liveOn: hosts.filter(({ live }) => live === run.revision).map(({ host }) => host),
    unknownOn: hosts.filter(({ live, known }) => live === null && !known).map(({ host }) => host),
    promoteStarted: moved || state.stages.some(({ name }) => /promote|rollback/.test(name)),
    outcome: state.result?.outcome,
    durationMs: state.result?.durationMs ?? 0,
    interruptedBy: state.interruptedBy,
  };
}

/** What a host served when it was connected proves nothing about the end. */
function hostAtEnd(view: HostView | undefined, host: HostName): HostView {
  if (view?.state !== undefined) return view;
  return { host, state: undefined, live: null, known: false, fetched: false, error: view?.error ?? null };
}
