import { describe, expect, it } from 'vitest';
import { switchMoment } from '../../../src/deploy/switch-moment.ts';
import type { Plan, Task } from '../../../src/plan/plan.ts';

const task = (id: string): Task => ({ id, command: 'promote' });

function plan(...stages: readonly (readonly string[])[]): Plan {
  return { stages: stages.map((ids, at) => ({ name: `promote:${at}`, tasks: ids.map(task) })) } as unknown as Plan;
}

describe('switchMoment()', () => {
  it('is none for a host that is alone, and for a task of no stage', () => {
    expect(switchMoment(plan(['a']), task('a'), 0)).toBe(undefined);
    expect(switchMoment(plan(['a', 'b']), task('c'), 0)).toBe(undefined);
  });

  it('is one for all hosts of a stage, fixed by the first that asks', () => {
    const ours = plan(['a', 'b', 'c'], ['d', 'e']);
    const first = switchMoment(ours, task('a'), 1000);
    expect(first).toEqual({ at: 1011, quietMs: 1.5 });
    expect(switchMoment(ours, task('c'), 1005)).toBe(first);
    expect(switchMoment(ours, task('e'), 2000)?.at).toBe(2009);
  });

  it('comes later the more there are to tell, but never more than a second', () => {
    const names = (count: number) => Array.from({ length: count }, (_, n) => String(n));
    expect(switchMoment(plan(names(64)), task('0'), 0)).toEqual({ at: 133, quietMs: 32 });
    expect(switchMoment(plan(names(5000)), task('0'), 0)).toEqual({ at: 1000, quietMs: 50 });
  });
});
