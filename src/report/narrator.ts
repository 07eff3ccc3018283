/** Decides which events get a line, for both reporters: everything that changed for a few hosts, what matters for many. */
import type { HostName } from '../core/host-name.ts';
import type { ScapEvent } from '../events/event.ts';
import { describeEvent, errorText, type Line } from './describe-event.ts';
import { createRepeatFold, toRemark } from './fold-repeats.ts';
import { createRunState, type RunState, reduce } from './run-view.ts';
import { formatStageCounts } from './stage-progress.ts';

/** Up to that many hosts get lines of their own. */
export const fewHosts = 10;

export interface NarratorOptions {
  readonly verbose: boolean;
  /** How many hosts to expect, as long as the run has not said. */
  readonly hostCount?: number | undefined;
  /** Tells beginnings, and the first of many hosts to say something, at once: for when no block on a screen shows them. */
  readonly eager: boolean;
}

export interface Narrator {
  readonly state: RunState;
  /** Takes an event in; returns the lines it deserves now. */
  tell(event: ScapEvent): readonly Line[];
  /** What is still folded. Call when no event will follow. */
  end(): readonly Line[];
}

export function createNarrator({ verbose, hostCount, eager }: NarratorOptions): Narrator {
  const fold = createRepeatFold();
  // A host that was not reached fails its first task for the same reason.
  const toldUnreachable = new Map<HostName, string>();
  let state = createRunState();
  const knowsEveryHost = () =>
    verbose || (state.run?.hosts.length ?? hostCount ?? Number.POSITIVE_INFINITY) <= fewHosts;

  const selectLines = (event: ScapEvent): readonly (Line | undefined)[] => {
    if (event.type === 'stage.finished') return [...fold.drain(), stageLine(state, event)];
    if (event.type === 'run.finished') return fold.drain();
    if (event.type === 'run.started') return [...fold.drain(), describeEvent(event)];
    if (event.type === 'host.unreachable') toldUnreachable.set(event.host, errorText(event.error));
    const isRepeated =
      event.type === 'task.failed' && event.host !== null && toldUnreachable.get(event.host) === errorText(event.error);
    if (isRepeated && !verbose) return [];
    if (toRemark(event) !== undefined && !verbose) return [fold.add(event, eager)];
    return isTold(event, { verbose, eager, everyHost: knowsEveryHost() }) ? [describeEvent(event)] : [];
  };

  return {
    get state() {
      return state;
    },
    tell: (event) => {
      state = reduce(state, event);
      return selectLines(event).filter((line) => line !== undefined);
    },
    end: () => fold.drain(),
  };
}

/** Tells whether an event that stands for itself gets its line. The end of a run is left to the summary. */
function isTold(
  event: ScapEvent,
  { verbose, eager, everyHost }: Readonly<Record<'verbose' | 'eager' | 'everyHost', boolean>>,
): boolean {
  switch (event.type) {
    case 'run.finished':
      return false;
    case 'host.connected':
    case 'host.finished':
    case 'task.started':
      return verbose;
    case 'stage.started':
      return verbose || eager || event.tasks === 0;
    case 'task.finished':
    case 'task.skipped':
      return everyHost || event.host === null;
    default:
      return true;
  }
}

/** With what was not attempted, which the event alone does not know. */
function stageLine({ stages }: RunState, event: ScapEvent & { type: 'stage.finished' }): Line | undefined {
  const stage = stages.findLast(({ name }) => name === event.stage);
  if (stage === undefined || stage.tasks === 0) return describeEvent(event);
  return { level: stage.failed > 0 ? 'error' : 'info', text: formatStageCounts(stage) };
}
