/**
 * Learns how far hosts' clocks are off, closely enough for them to switch together. What was learnt on the way comes from answers that waited
 * for each other; a few short questions, a few hosts at a time, are answered at once.
 */
import pLimit from 'p-limit';
import { ScapError } from '../core/errors.ts';
import type { Connection } from '../transport/connection.ts';
import { askClock } from './target-client.ts';

/** More at once would wait for each other on this side, each for a fraction of a millisecond: so many as may, for the tolerance. */
const atOnce = { least: 4, perMs: 2 };
const asking = pLimit(atOnce.least);
const attempts = 5;
const timeoutMs = 5000;

/** An answer helps that narrows what is not known to this part of it. */
const helpfulPart = 0.9;
/** So many answers in a row that do not help come from a host that is far away; the clock is known as well as it can be. */
const patience = 2;

/** Asks until the host's clock is known to `toleranceMs`, or asking does not help. Never fails: a host that is lost is told of elsewhere. */
export function settleClock(connection: Connection, toleranceMs: number): Promise<void> {
  const limit = Math.max(atOnce.least, Math.floor(toleranceMs * atOnce.perMs));
  if (asking.concurrency !== limit) asking.concurrency = limit;
  return asking(async () => {
    try {
      let idle = 0;
      for (let n = 0; n < attempts && idle < patience && connection.usable; n++) {
        const before = connection.clock.slackMs;
        if (before <= toleranceMs) return;
        await askClock(connection, { timeoutMs });
        idle = connection.clock.slackMs <= before * helpfulPart ? 0 : idle + 1;
      }
    } catch (error) {
      if (!(error instanceof ScapError)) throw error;
    }
  });
}
