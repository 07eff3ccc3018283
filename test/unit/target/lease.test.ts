import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLease } from '../../../src/target/lease.ts';

describe('createLease()', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('expects nothing before the first promise', () => {
    const lost = vi.fn();
    createLease(lost).heard();
    vi.advanceTimersByTime(10 * 86_400_000);
    expect(lost).not.toHaveBeenCalled();
  });

  it('is lost once the promised time and a second have passed in silence, once', () => {
    const lost = vi.fn();
    createLease(lost).promise(60_000);
    vi.advanceTimersByTime(60_999);
    expect(lost).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(lost).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(600_000);
    expect(lost).toHaveBeenCalledTimes(1);
  });

  it.each([59_999, 60_500])('anything heard after %i ms renews it', (ms) => {
    const lost = vi.fn();
    const lease = createLease(lost);
    lease.promise(60_000);
    vi.advanceTimersByTime(ms);
    lease.heard();
    vi.advanceTimersByTime(60_999);
    expect(lost).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(lost).toHaveBeenCalledTimes(1);
  });

  it('a promise longer than a timer can be is kept for weeks, not broken at once', () => {
    const lost = vi.fn();
    createLease(lost).promise(Number.MAX_SAFE_INTEGER);
    vi.advanceTimersByTime(20 * 86_400_000);
    expect(lost).not.toHaveBeenCalled();
  });

  it('end() ends it', () => {
    const lost = vi.fn();
    const lease = createLease(lost);
    lease.promise(10);
    lease.end();
    lease.heard();
    vi.advanceTimersByTime(86_400_000);
    expect(lost).not.toHaveBeenCalled();
  });
});
