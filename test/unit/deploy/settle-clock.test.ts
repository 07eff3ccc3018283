import { describe, expect, it } from 'vitest';
import { ScapError } from '../../../src/core/errors.ts';
import { settleClock } from '../../../src/deploy/settle-clock.ts';
import type { Connection } from '../../../src/transport/connection.ts';

/** A connection whose clock is known to the first of `slacksMs`, and after each question to the next one; and what was asked. */
function aConnection(slacksMs: readonly number[], answer: () => Promise<unknown> = async () => ({})) {
  const asked: string[] = [];
  const clock = {
    offsetMs: 0,
    get slackMs() {
      return slacksMs[asked.length] ?? slacksMs.at(-1) ?? 0;
    },
  };
  const request = async (verb: string) => {
    const value = await answer();
    asked.push(verb);
    return value;
  };
  return { connection: { usable: true, clock, request } as unknown as Connection, asked };
}

describe('settleClock()', () => {
  it.each([
    ['not at all when the clock is known', [2], 0],
    ['until it is known', [30, 12, 5, 1], 3],
    ['five times at most', [64, 32, 16, 8, 4, 3, 2, 1], 5],
    ['twice when the host is far away', [40, 40, 39.9, 39.8], 2],
    ['again when an answer waited on the way and the next did not', [40, 39, 10, 1], 3],
  ])('asks %s', async (_, slacksMs, questions) => {
    const { connection, asked } = aConnection(slacksMs);
    await settleClock(connection, 2);
    expect(asked).toEqual(Array.from({ length: questions }, () => 'clock'));
  });

  it('asks as many hosts at once as may wait for each other', async () => {
    for (const [toleranceMs, expected] of [
      [2, 4],
      [20, 40],
    ] as const) {
      let running = 0;
      let most = 0;
      const answer = async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running--;
        return {};
      };
      const hosts = Array.from({ length: 60 }, () => aConnection([100, 1], answer));
      await Promise.all(hosts.map(({ connection }) => settleClock(connection, toleranceMs)));
      expect(most).toBe(expected);
    }
  });

  it('leaves a host that is lost to others', async () => {
    const { connection } = aConnection([30], async () => {
      throw new ScapError('connection_lost', 'it is gone');
    });
    await expect(settleClock(connection, 2)).resolves.toBeUndefined();
  });
});
