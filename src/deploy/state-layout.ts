import { join } from 'node:path';

/** Where things lie below the state directory of the deploy host. */
export interface StateLayout {
  readonly state: string;
  readonly repo: string;
  readonly stagingIndex: string;
  /** Answers about nested checkouts; see `staging/provenance`. */
  readonly checkouts: string;
  readonly deploys: string;
  readonly logs: string;
  readonly lock: string;
  /** Held by maintenance in the background, which writes nothing but the repository and ends when a run takes `lock`. */
  readonly maintenanceLock: string;
  readonly hold: string;
  /** Unfinished packs and bundles; swept by whoever takes the lock. */
  readonly work: string;
  runLog(n: number, revision: string): string;
}

export function createStateLayout(state: string): StateLayout {
  const logs = join(state, 'logs');
  return {
    state,
    repo: join(state, 'repo.git'),
    stagingIndex: join(state, 'staging.index'),
    checkouts: join(state, 'checkouts.json'),
    deploys: join(state, 'deploys.jsonl'),
    logs,
    lock: join(state, 'lock'),
    maintenanceLock: join(state, 'maintenance.lock'),
    hold: join(state, 'hold'),
    work: join(state, 'work'),
    runLog: (n, revision) => join(logs, `${n}-${revision.slice(0, 12)}.jsonl`),
  };
}
