import { setMaxListeners } from 'node:events';

/** What the operator's Ctrl-C means: the first asks to stop, the second insists. */
export interface Interrupt extends Disposable {
  /** Aborts on the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
}

/** A controller whose signal any number may listen to at once: every host of a run does. Node warns of more than ten as of a leak. */
export function createSharedController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/**
 * Watches for SIGINT, SIGTERM and SIGHUP until disposed.
 *
 * The first aborts `signal` and calls `onFirst`; a second SIGINT or SIGTERM ends the process at once with status 130.
 */
export function watchInterrupt(onFirst: (name: NodeJS.Signals) => void): Interrupt {
  const controller = createSharedController();
  const names: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      if (name !== 'SIGHUP') process.exit(130);
      return;
    }
    controller.abort();
    onFirst(name);
  };
  for (const name of names) process.on(name, onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}
