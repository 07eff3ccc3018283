import type { EventListener } from '../events/event.ts';
import { createLiveReporter } from './live-reporter.ts';
import type { NarrationStream } from './narration-stream.ts';
import { createPlainReporter } from './plain-reporter.ts';

/** Narrates a run to people. Disposing tells what is still untold and gives the terminal back. */
export interface Reporter extends Disposable {
  readonly listener: EventListener;
}

export interface ReporterOptions {
  /** Where to narrate: stderr. stdout is for the result. */
  readonly stream: NarrationStream;
  readonly isTerminal: boolean;
  /** Width to assume when the stream does not know its own. */
  readonly columns?: number | undefined;
  readonly verbose: boolean;
  readonly colour: boolean;
  /** How many hosts to expect, as long as the run has not said. */
  readonly hostCount?: number | undefined;
}

/** A live view on a terminal, lines elsewhere. */
export function createReporter(options: ReporterOptions): Reporter {
  return options.isTerminal ? createLiveReporter(options) : createPlainReporter(options);
}
