import { describe, expect, it } from 'vitest';
import { ClockRelation } from '../../../src/transport/clock-relation.ts';

describe('ClockRelation', () => {
  it('knows nothing before the first exchange, or from one without a time', () => {
    const clock = new ClockRelation();
    expect(clock.offsetMs).toBe(undefined);
    clock.note({ sentAt: 0, at: Number.NaN, receivedAt: 10 });
    expect(clock.offsetMs).toBe(undefined);
  });

  it('is between what an exchange allows, and narrower with each', () => {
    const clock = new ClockRelation();
    clock.note({ sentAt: 0, at: 3_600_010, receivedAt: 20 });
    expect(clock.offsetMs).toBe(3_600_000);
    // The answer came back at once after long work: the way there is not known, the way back is.
    clock.note({ sentAt: 100, at: 3_600_499, receivedAt: 500 });
    expect(clock.offsetMs).toBe((3_599_999 + 3_600_010) / 2);
    clock.note({ sentAt: 600, at: 3_600_600.5, receivedAt: 601 });
    expect(clock.offsetMs).toBeCloseTo(3_600_000.0, 0);
  });

  it('believes the last exchange when it contradicts those before', () => {
    const clock = new ClockRelation();
    clock.note({ sentAt: 0, at: 1, receivedAt: 2 });
    clock.note({ sentAt: 1000, at: 2001, receivedAt: 1002 });
    expect(clock.offsetMs).toBe(1000);
  });
});
