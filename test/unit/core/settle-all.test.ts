import { describe, expect, it } from 'vitest';
import { settleAll } from '../../../src/core/settle-all.ts';

/** A promise and the means to keep it. */
function createGate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Lets everything that can run do so. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('settleAll()', () => {
  it('keeps the order of the items, whichever ends first', async () => {
    const gates = [createGate(), createGate(), createGate()];
    const all = settleAll([0, 1, 2], { limit: 3 }, async (item) => {
      await gates[item]?.opened;
      return `done ${item}`;
    });
    for (const gate of gates.toReversed()) {
      gate.open();
      await settle();
    }
    expect(await all).toEqual([0, 1, 2].map((item) => ({ status: 'fulfilled', value: `done ${item}` })));
  });

  it('runs no more than the limit at once, and all of them in the end', async () => {
    let running = 0;
    let most = 0;
    const results = await settleAll(Array.from({ length: 20 }), { limit: 3 }, async () => {
      most = Math.max(most, ++running);
      await settle();
      running--;
    });
    expect(most).toBe(3);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(20);
  });

  it('takes a limit below one for one', async () => {
    expect(await settleAll(['a'], { limit: 0 }, async (item) => item)).toEqual([{ status: 'fulfilled', value: 'a' }]);
  });

  it('starts nothing after the abort, and waits for what runs', async () => {
    const gate = createGate();
    const stop = new AbortController();
    const started: number[] = [];
    const all = settleAll([0, 1, 2, 3], { limit: 2, signal: stop.signal }, async (item) => {
      started.push(item);
      await gate.opened;
      return item;
    });
    await settle();
    stop.abort();
    gate.open();
    expect(await all).toEqual([
      { status: 'fulfilled', value: 0 },
      { status: 'fulfilled', value: 1 },
      { status: 'not-started' },
      { status: 'not-started' },
    ]);
    expect(started).toEqual([0, 1]);
  });

  it('starts nothing at all when it was aborted before', async () => {
    const results = await settleAll([1], { limit: 1, signal: AbortSignal.abort() }, async () => 1);
    expect(results).toEqual([{ status: 'not-started' }]);
  });

  it('reports an item that fails, at once or later, and goes on with the others', async () => {
    const failure = new Error('no');
    const results = await settleAll([0, 1, 2], { limit: 1 }, (item) => {
      if (item === 0) throw failure;
      return item === 1 ? Promise.reject(failure) : Promise.resolve(item);
    });
    expect(results).toEqual([
      { status: 'rejected', reason: failure },
      { status: 'rejected', reason: failure },
      { status: 'fulfilled', value: 2 },
    ]);
  });

  it('is done at once when there is nothing to do', async () => {
    expect(await settleAll([], { limit: 4 }, async () => 1)).toEqual([]);
  });
});
