/** What the operator's Ctrl-C means: the first asks to stop, the second insists. */
export interface Interrupt extends Disposable {
  /** Aborts on the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
}

/**
 * Watches for SIGINT, SIGTERM and SIGHUP until disposed.
 *
 * The first aborts `signal` and calls `onFirst`; a second SIGINT or SIGTERM ends the process at once with status 130.
 */
export function watchInterrupt(onFirst: (name: NodeJS.Signals) => void): Interrupt {
  const controller = new AbortController();
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
