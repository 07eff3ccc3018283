import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recordAbortedRuns } from '../../../src/deploy/aborted-runs.ts';
import { nextRunNumber, readDeployRecords } from '../../../src/deploy/deploy-records.ts';
import { forgetRuns, planForgettingRuns, type RunsFacts } from '../../../src/deploy/forget-runs.ts';
import { createStateLayout, type StateLayout } from '../../../src/deploy/state-layout.ts';
import { useTempDirs } from '../../support/temp-dir.ts';

const tempDir = useTempDirs();
const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

describe('planForgettingRuns()', () => {
  const plan = (facts: Partial<RunsFacts>) =>
    planForgettingRuns({ records: upTo(23), logs: upTo(23), deploys: new Set(), keepDeploys: 2, ...facts });

  it.each<[string, Partial<RunsFacts>, readonly number[], readonly number[]]>([
    ['keeps ten runs for each deploy that is kept', {}, [1, 2, 3], [1, 2, 3]],
    ['forgets nothing before a tenth more is there', { records: upTo(22), logs: upTo(22) }, [], []],
    ['keeps records of runs that deployed what is kept, not their logs', { deploys: new Set([2]) }, [1, 3], [1, 2, 3]],
    ['counts runs, not numbers', { records: [1, 2, 3, ...upTo(1020, 1001)], logs: [1] }, [1, 2, 3], [1]],
    ['forgets logs that were left when records were not', { records: upTo(23, 4) }, [], [1, 2, 3]],
    ['has nothing to forget at first', { records: [], logs: [] }, [], []],
  ])('%s', (_what, facts, records, logs) => {
    expect(plan(facts)).toEqual({ records, logs });
  });
});

describe('forgetRuns()', () => {
  const line = (n: number) =>
    `{"n": ${n}, "sha": "${'a'.repeat(40)}", "outcome": "ok", "hosts": {}, "from": "a later version"}`;

  /** The state directory of a deploy host after 23 runs. */
  function makeState() {
    const layout = createStateLayout(tempDir());
    mkdirSync(layout.logs);
    const started = JSON.stringify({ type: 'run.started', at: 0, plan: 'p', kind: 'push', revision: 'a'.repeat(40) });
    for (const n of upTo(23)) writeFileSync(layout.runLog(n, 'a'.repeat(40)), `${started}\n`);
    writeFileSync(
      layout.deploys,
      upTo(23)
        .map((n) => `${line(n)}\n`)
        .join(''),
    );
    return layout;
  }
  const records = (layout: StateLayout) => readDeployRecords(layout).map(({ n }) => n);

  it('removes logs and records of old runs, and leaves the others as they are', () => {
    const layout = makeState();
    writeFileSync(join(layout.logs, 'notes.txt'), 'mine');
    forgetRuns(layout, { deploys: new Set([2]), keepDeploys: 2 });
    expect(records(layout)).toEqual([2, ...upTo(23, 4)]);
    expect(readFileSync(layout.deploys, 'utf8')).toContain(`${line(2)}\n${line(4)}\n`);
    expect(readdirSync(layout.logs)).toHaveLength(21);
    expect(nextRunNumber(layout)).toBe(24);
  });

  it('leaves nothing that passes for a run that was killed, also when it is killed itself between logs and records', () => {
    const layout = makeState();
    for (const n of [1, 2]) rmSync(layout.runLog(n, 'a'.repeat(40)));
    recordAbortedRuns(layout, 'deploy1');
    expect(records(layout)).toEqual(upTo(23));
    forgetRuns(layout, { deploys: new Set(), keepDeploys: 2 });
    recordAbortedRuns(layout, 'deploy1');
    expect(records(layout)).toEqual(upTo(23, 4));
  });
});
