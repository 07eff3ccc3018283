import { closeSync, openSync } from 'node:fs';
import { pino } from 'pino';
import type { EventBus, HostState, ScapEvent } from '../events/event.ts';

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

/** The level that people are shown (`report/describe-event`), so that filtering by it finds what they see. */
function levelOf(event: ScapEvent): 'info' | 'warn' | 'error' {
  switch (event.type) {
    case 'task.failed':
    case 'host.unreachable':
      return 'error';
    case 'stage.finished':
      return event.failed > 0 ? 'error' : 'info';
    case 'host.finished':
      return hostLevels[event.state];
    case 'rollback.finished':
      return event.failed.length > 0 ? 'error' : 'info';
    case 'run.finished':
      return event.outcome === 'ok' ? 'info' : event.outcome === 'partial' ? 'warn' : 'error';
    case 'bundle.distributed':
      return event.losses + event.failed > 0 ? 'warn' : 'info';
    case 'rollback.started':
    case 'copy.failed':
    case 'neighbour.failed':
    case 'host.noted':
    case 'interrupt.received':
    case 'maintenance.failed':
    case 'lock.awaited':
    case 'revision.suspected':
    case 'staging.ignored':
      return 'warn';
    default:
      return 'info';
  }
}

const hostLevels = {
  promoted: 'info',
  unchanged: 'info',
  'rolled-back': 'warn',
  failed: 'error',
  unreachable: 'error',
  skipped: 'info',
  'not-attempted': 'warn',
} as const satisfies Record<HostState, string>;
