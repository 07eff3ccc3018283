/**
 * Bounds what is remembered of runs: their logs and their records. Operators look at the last ones; and every command reads all records.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { dropDeployRecords, listRunLogs, readDeployRecords } from './deploy-records.ts';
import type { StateLayout } from './state-layout.ts';

/** Many runs deploy nothing new (rollbacks, repairs, failures), and their story is worth more than the little space it takes. */
const runsPerKeptDeploy = 10;

export interface RunsFacts {
  /** Numbers of runs that have a record. */
  readonly records: readonly number[];
  /** Numbers of runs that have a log. */
  readonly logs: readonly number[];
  /** Runs that deployed a revision the deploy repository keeps. */
  readonly deploys: ReadonlySet<number>;
  readonly keepDeploys: number;
}

export interface RunsToForget {
  readonly records: readonly number[];
  readonly logs: readonly number[];
}

/**
 * Decides which runs to forget: those before the last ten times `keepDeploys`. Nothing, until there are a tenth more; the records are written
 * anew each time. The record of a run that deployed what is kept stays, for it is what tells the way back. A log goes no later than its
 * record: without a record it would pass for that of a run that was killed.
 */
export function planForgettingRuns({ records, logs, deploys, keepDeploys }: RunsFacts): RunsToForget {
  const numbers = [...new Set([...records, ...logs])].sort((a, b) => b - a);
  const keep = keepDeploys * runsPerKeptDeploy;
  const oldest = numbers[keep - 1];
  if (oldest === undefined) return { records: [], logs: [] };
  const old = { records: records.filter((n) => n < oldest && !deploys.has(n)), logs: logs.filter((n) => n < oldest) };
  const isWorthIt = Math.max(old.records.length, old.logs.length) > keepDeploys;
  return isWorthIt ? old : { records: [], logs: [] };
}

/** Forgets them; logs first, see {@link planForgettingRuns}. Call it under the writer's lock. */
export function forgetRuns(layout: StateLayout, facts: Pick<RunsFacts, 'deploys' | 'keepDeploys'>): void {
  const logs = listRunLogs(layout);
  const records = readDeployRecords(layout).map(({ n }) => n);
  const plan = planForgettingRuns({ records, logs: [...logs.keys()], ...facts });
  for (const n of plan.logs) rmSync(join(layout.logs, logs.get(n) ?? ''), { force: true });
  dropDeployRecords(layout, new Set(plan.records));
}
