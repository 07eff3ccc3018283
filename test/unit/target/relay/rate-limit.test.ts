import { describe, expect, it } from 'vitest';
import { createRateLimit } from '../../../../src/target/relay/rate-limit.ts';

function fakeClock() {
  const slept: number[] = [];
  const clock = {
    at: 0,
    slept,
    now: () => clock.at,
    sleep: async (ms: number) => void slept.push(ms),
  };
  return clock;
}

const signal = new AbortController().signal;

describe('createRateLimit()', () => {
  it('lets everything pass without a limit', async () => {
    const clock = fakeClock();
    const limit = createRateLimit(0, clock);
    await limit.pass(1e12, signal);
    await limit.pass(1e12, signal);
    expect([clock.slept, limit.pieceBytes]).toEqual([[], Number.POSITIVE_INFINITY]);
  });

  it('makes each wait for those before it, whoever they are', async () => {
    const clock = fakeClock();
    const limit = createRateLimit(1000, clock);
    await Promise.all([limit.pass(100, signal), limit.pass(200, signal), limit.pass(50, signal)]);
    expect(clock.slept).toEqual([100, 300]);
  });

  it('saves nothing up while nobody passes', async () => {
    const clock = fakeClock();
    const limit = createRateLimit(1000, clock);
    await limit.pass(100, signal);
    clock.at = 60_000;
    await limit.pass(100, signal);
    await limit.pass(100, signal);
    expect(clock.slept).toEqual([100]);
  });

  it('asks for pieces of an eighth of a second, and of a byte at least', () => {
    expect([createRateLimit(8000).pieceBytes, createRateLimit(1).pieceBytes]).toEqual([1000, 1]);
  });

  it('rejects when the one who waits is gone', async () => {
    const limit = createRateLimit(1);
    const gone = new AbortController();
    await limit.pass(1000, gone.signal);
    const waiting = limit.pass(1, gone.signal);
    gone.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });
});
