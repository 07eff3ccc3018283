import { ScapError } from '../core/errors.ts';
import { type DeployReport, type DeployRequest, deploy } from './deploy.ts';
import type { DeployHost } from './deploy-host.ts';
import { planSeeding } from './generators/seeding.ts';

export interface SeedRequest extends DeployRequest {
  /** Names, globs, ranges, `label=value`; at least one. */
  readonly hosts: readonly string[];
}

/**
 * Brings new or broken hosts to what should be live, and touches no other. A host that serves it already is verified, and repaired when it
 * drifted. Throws `revision_unknown` when nothing was deployed yet.
 */
export function seed(host: DeployHost, request: SeedRequest): Promise<DeployReport> {
  return deploy(host, request, {
    kind: 'seed',
    among: request.hosts.join(','),
    plan: planSeeding,
    want: async (repository) => {
      const revision = repository.live();
      if (revision !== undefined) return { revision, prepared: undefined };
      throw new ScapError('revision_unknown', 'Cannot seed hosts: nothing was deployed yet', {
        hint: 'Deploy with: scap push PATH',
      });
    },
  });
}
