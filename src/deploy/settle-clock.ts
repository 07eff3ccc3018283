/**
 * Learns how far hosts' clocks are off, closely enough for them to switch together. What was learnt on the way comes from answers that waited
 * for each other; a few short questions, a few hosts at a time, are answered at once.
 */
import pLimit from 'p-limit';
import { ScapError } from '../core/errors.ts';
import type { Connection } from '../transport/connection.ts';
import { askClock } from './target-client.ts';

/** More at once would wait for each other on this side. */
const asking = pLimit(4);
const attempts = 5;
const timeoutMs = 5000;

/** Asks until the host's clock is known to `toleranceMs`, or asking does not help. Never fails: a host that is lost is told of elsewhere. */
export function settleClock(connection: Connection, toleranceMs: number): Promise<void> {
  return asking(async () => {
    try {
      for (let n = 0; n < attempts && connection.usable && connection.clock.slackMs > toleranceMs; n++)
        await askClock(connection, { timeoutMs });
    } catch (error) {
      if (!(error instanceof ScapError)) throw error;
    }
  });
}
