import { closeSync, openSync } from 'node:fs';
import { pino } from 'pino';
import type { EventBus, ScapEvent } from '../events/event.ts';

/** Writes every event of a run to its log until disposed. */
export interface RunLog extends Disposable {
  readonly path: string;
}

/**
 * Opens the log of a run, a new file of JSON lines. `earlier` events, from before the run had a number, are written first.
 * Writing is synchronous: what happened is in the file even when the process is killed the next instant.
 */
export function openRunLog(path: string, bus: EventBus, earlier: readonly ScapEvent[]): RunLog {
  closeSync(openSync(path, 'wx', 0o644));
  const destination = pino.destination({ dest: path, append: true, sync: true });
  const logger = pino(
    { base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } },
    destination,
  );
  const write = (event: ScapEvent) => {
    // Progress is for watching; ten lines a second and host would bury what happened.
    if (event.type !== 'task.progressed') logger[levelOf(event)](event);
  };
  for (const event of earlier) write(event);
  const stop = bus.listen(write);
  return {
    path,
    [Symbol.dispose]: () => {
      stop();
      destination.end();
    },
  };
}

function levelOf(event: ScapEvent): 'info' | 'warn' | 'error' {
  switch (event.type) {
    case 'task.failed':
    case 'host.unreachable':
    case 'rollback.started':
      return 'error';
    case 'host.noted':
    case 'interrupt.received':
    case 'maintenance.failed':
    case 'staging.ignored':
      return 'warn';
    default:
      return 'info';
  }
}
