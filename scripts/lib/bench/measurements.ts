import type { JobName } from './parse-arguments.ts';
import type { Peaks } from './process-watch.ts';

/** What scap is compared with. */
export const stockTools = ['in-place', 'link-dest', 'archive'] as const;

export type StockTool = (typeof stockTools)[number];

/** Where the time of one call of scap went, in seconds; what is not named is start-up, connecting, recording and finalizing. */
export interface StageSeconds {
  readonly capture: number;
  readonly fetch: number;
  readonly promote: number;
}

/** One measured call of scap. */
export interface ScapSample {
  /** The whole process, from outside. */
  readonly seconds: number;
  readonly stages: StageSeconds;
  /** How each target made the revision: `archive`, `link`, `recycle`, `present`; empty when nothing was fetched. */
  readonly strategies: readonly string[];
  /** Processor seconds of one target's agent while the deploy process ran, on average. */
  readonly agentCpuSeconds: number;
  /** Processor seconds of one target's agent after the deploy process had ended, on average. */
  readonly backgroundCpuSeconds: number;
  readonly peaks: Peaks;
}

/** One measured call of a stock tool for all three hosts. */
export interface StockSample {
  readonly seconds: number;
  /** The same with a `sync -f` after it. */
  readonly flushedSeconds: number;
}

/** All measurements of one job. */
export interface JobResult {
  readonly job: JobName;
  /** For people: `one-file push`. */
  readonly title: string;
  readonly scap: readonly ScapSample[];
  readonly stock: Readonly<Record<StockTool, readonly StockSample[]>>;
  /** `git add` and `git commit` before git archive, seconds; not in its figures. */
  readonly commitSeconds: readonly number[];
}

/** Rollback at one size of the tree. */
export interface SizedRollback {
  readonly fileCount: number;
  readonly scap: readonly ScapSample[];
}

/** Everything one run of the bench found out. */
export interface BenchResult {
  readonly jobs: readonly JobResult[];
  readonly rollbacks: readonly SizedRollback[];
}
