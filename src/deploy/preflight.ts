import { ScapError } from '../core/errors.ts';
import type { DeployRepository } from '../revision/deploy-repository.ts';
import { foreignLivePath } from '../target/live-path.ts';
import type { FleetMember } from './fleet.ts';

export interface PreflightOptions {
  /** The number the run will have. */
  readonly fence: number;
  /** Something foreign at a live path is accepted. */
  readonly adopt: boolean;
  /** A host may serve a revision this deploy host does not know. */
  readonly force: boolean;
}

/** Refuses a deploy that would overwrite what is not ours, naming every such host, before anything is touched. */
export function refuseForeignHosts(
  members: readonly FleetMember[],
  repository: DeployRepository,
  { fence, adopt, force }: PreflightOptions,
): void {
  const foreign = members.flatMap(({ host, report }) => {
    const live = report?.live;
    const error =
      live === undefined || live.kind === 'absent' || live.kind === 'revision'
        ? undefined
        : foreignLivePath(host.live, live);
    return error === undefined ? [] : [{ name: host.name, error }];
  });
  const [first] = foreign;
  if (first !== undefined && !adopt) {
    const names = foreign.map(({ name }) => name).join(', ');
    const where = foreign.length === 1 ? names : `${foreign.length} hosts: ${names}`;
    throw new ScapError('live_foreign', `${first.error.message} (${where})`, {
      hint: first.error.hint,
      data: { hosts: foreign.map(({ name, error }) => ({ name, ...error.data })) },
    });
  }
  if (!force) refuseHigherFence(members, fence);
  const unknown = members.flatMap(({ host, report }) =>
    report?.live.kind === 'revision' && !repository.has(report.live.sha)
      ? [{ name: host.name, live: report.live.sha }]
      : [],
  );
  if (unknown.length === 0 || force) return;
  const named = unknown.map(({ name, live }) => `${name} (${live.slice(0, 12)})`).join(', ');
  throw new ScapError(
    'live_unknown_revision',
    `Refused to deploy: a revision this deploy host does not know is live on ${named}`,
    {
      hint: 'Another deploy host may be in charge; to take over from it, run again with --force',
      data: { hosts: unknown },
    },
  );
}

/** A target that has seen a higher number takes orders from somebody else. */
function refuseHigherFence(members: readonly FleetMember[], fence: number): void {
  const ahead = members.flatMap(({ host, report }) =>
    report !== undefined && report.fence > fence ? [{ name: host.name, fence: report.fence }] : [],
  );
  const [first] = ahead;
  if (first === undefined) return;
  const names = ahead.map(({ name }) => name).join(', ');
  throw new ScapError(
    'fence_stale',
    `Refused to deploy as run ${fence}: ${names} has already seen run ${first.fence}`,
    {
      hint: 'Another deploy host, or a newer state directory, is in charge; to take over from it, run again with --force',
      data: { fence, hosts: ahead },
    },
  );
}
