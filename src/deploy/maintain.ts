/**
 * Keeps the state directory small: forgets revisions beyond the configured number of deploys, never one that is live, the newest, or served or
 * held by any target as last seen; forgets old runs; and has the repository packed when it is time to.
 */
import type { Sha } from '../core/sha.ts';
import { revisionRef, timesRef } from '../git/bundle.ts';
import { maintainRepository, maintenanceNeed, noteDropped } from '../git/maintenance.ts';
import { writeShallow } from '../git/repository.ts';
import { type DeployRepository, deployRef, recordRef } from '../revision/deploy-repository.ts';
import type { DeployHost } from './deploy-host.ts';
import { forgetRuns } from './forget-runs.ts';
import { readSightings } from './sightings.ts';

/** Forgetting is done in batches: each costs a pass over the refs. */
const slack = 10;

export async function maintainDeployRepository(
  host: DeployHost,
  repository: DeployRepository,
  { full = false } = {},
): Promise<void> {
  const plan = planForgetting({
    deploys: repository.deploys(),
    revisions: repository.revisions(),
    needed: new Set(
      [repository.live(), repository.main(), ...readSightings(host.layout)].filter((sha) => sha !== undefined),
    ),
    keepDeploys: host.config.keepDeploys,
    slack: full ? 0 : slack,
  });
  await forget(repository, plan);
  forgetRuns(host.layout, { deploys: new Set(repository.deploys().keys()), keepDeploys: host.config.keepDeploys });
  noteDropped(repository.git, plan.revisions.length);
  const need = maintenanceNeed(repository.git);
  if (need === 'soon' && !full && host.maintainLater !== undefined) host.maintainLater();
  else await maintainRepository(repository.git, { full });
}

export interface ForgettingFacts {
  readonly deploys: ReadonlyMap<number, Sha>;
  readonly revisions: ReadonlySet<Sha>;
  readonly needed: ReadonlySet<Sha>;
  readonly keepDeploys: number;
  readonly slack: number;
}

export interface Forgetting {
  readonly deploys: readonly number[];
  readonly revisions: readonly Sha[];
}

/**
 * Decides which deploys and revisions to forget. Nothing, until there are `slack` more deploys than are kept, or that many revisions that no
 * deploy came to. Of the older deploys of a revision that is kept all the same, the last one stays: going to and fro between two revisions must
 * not be remembered for ever.
 */
export function planForgetting({ deploys, revisions, needed, keepDeploys, slack: more }: ForgettingFacts): Forgetting {
  const numbers = [...deploys.keys()].sort((a, b) => b - a);
  const deployed = new Set(deploys.values());
  const undeployed = [...revisions].filter((sha) => !deployed.has(sha) && !needed.has(sha));
  if (numbers.length <= keepDeploys + more && undeployed.length <= keepDeploys + more)
    return { deploys: [], revisions: [] };
  const kept = new Set([...needed, ...numbers.slice(0, keepDeploys).flatMap((n) => deploys.get(n) ?? [])]);
  const lastOf = new Map(numbers.toReversed().map((n) => [deploys.get(n) as Sha, n]));
  const isLastOfKept = (n: number, sha: Sha) => kept.has(sha) && lastOf.get(sha) === n;
  return {
    deploys: numbers.slice(keepDeploys).filter((n) => !isLastOfKept(n, deploys.get(n) as Sha)),
    revisions: [...revisions].filter((sha) => !kept.has(sha)),
  };
}

async function forget(repository: DeployRepository, { deploys, revisions }: Forgetting): Promise<void> {
  if (deploys.length === 0 && revisions.length === 0) return;
  const gone = new Set(revisions);
  const kept = [...repository.revisions()].filter((sha) => !gone.has(sha));
  // Where a kept revision's parent is forgotten, history ends: git is told so before the parent's refs go.
  const infos = await Promise.all(
    kept.map(async (sha) =>
      (await repository.read(sha)).info.parents.some((parent) => gone.has(parent) || !repository.has(parent))
        ? [sha]
        : [],
    ),
  );
  writeShallow(repository.git, new Set(infos.flat()));
  const names = [
    ...deploys.map(deployRef),
    ...revisions.flatMap((sha) => [revisionRef(sha), recordRef(sha), timesRef(sha)]),
  ];
  await repository.update(new Map(names.map((name) => [name, undefined])));
}
