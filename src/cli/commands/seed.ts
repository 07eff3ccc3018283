import type { ExitStatus } from '../../core/errors.ts';
import { seed } from '../../deploy/seed.ts';
import { toCommandResult } from '../deploy-result.ts';
import type { Io } from '../io.ts';
import { runSession } from '../session.ts';
import { type DeployOptions, toDeployRequest } from './push.ts';

/** `scap seed HOST...`: exit 1 when some of the hosts could not be brought up. */
export function runSeed(io: Io, hosts: readonly string[], options: DeployOptions): Promise<ExitStatus> {
  return runSession(io, options, async (session) => {
    const request = { ...toDeployRequest(options, `Seed ${hosts.join(' ')}`), hosts };
    return toCommandResult(session, await seed(session.host, request));
  });
}
