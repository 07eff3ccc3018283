import pLimit from 'p-limit';

export interface SettleOptions {
  /** How many run at once; at least 1. */
  readonly limit: number;
  /** Once aborted, nothing new starts; what runs is left to reach its own end. */
  readonly signal?: AbortSignal | undefined;
}

export type Settled<T> =
  | { readonly status: 'fulfilled'; readonly value: T }
  | { readonly status: 'rejected'; readonly reason: unknown }
  | { readonly status: 'not-started' };

/**
 * Runs `work` over `items`, at most `limit` at once, and resolves when all that started has ended.
 *
 * Keeps the order of `items` in its result, starts nothing after `signal` aborts, and never rejects for an item.
 */
export async function settleAll<T, R>(
  items: readonly T[],
  { limit, signal }: SettleOptions,
  work: (item: T, index: number) => Promise<R>,
): Promise<Settled<R>[]> {
  const slots = pLimit(Math.max(1, limit));
  const runOne = async (item: T, index: number): Promise<Settled<R>> => {
    if (signal?.aborted) return { status: 'not-started' };
    try {
      return { status: 'fulfilled', value: await work(item, index) };
    } catch (reason) {
      return { status: 'rejected', reason };
    }
  };
  return Promise.all(items.map((item, index) => slots(runOne, item, index)));
}
