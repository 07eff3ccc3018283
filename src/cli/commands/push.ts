import type { ExitStatus } from '../../core/errors.ts';
import { type DeployRequest, push } from '../../deploy/deploy.ts';
import { toCommandResult } from '../deploy-result.ts';
import type { Io } from '../io.ts';
import { type CommonOptions, runSession } from '../session.ts';
import { choosePaths, chooseStaging } from '../staging-path.ts';

/** Options of every command that changes what is live. */
export interface DeployOptions extends CommonOptions {
  readonly message?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly adopt?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly rollback?: boolean | undefined;
  readonly wait?: number | undefined;
  readonly limit?: string | undefined;
}

export interface PushOptions extends DeployOptions {
  readonly allowShrink?: boolean | undefined;
}

/** `scap push [PATH]` */
export function runPush(io: Io, path: string | undefined, options: PushOptions): Promise<ExitStatus> {
  return runSession(io, options, async (session) => {
    const choice = chooseStaging(session.host, session.cwd, path);
    const request = toDeployRequest(options, choice.scope === undefined ? 'Push' : `Sync ${path}`);
    return toCommandResult(
      session,
      await push(session.host, { ...request, ...choice, allowShrink: options.allowShrink === true }),
    );
  });
}

/** `scap sync-file PATH...` */
export function runSyncFile(io: Io, paths: readonly string[], options: PushOptions): Promise<ExitStatus> {
  return runSession(io, options, async (session) => {
    const choice = choosePaths(session.host, session.cwd, paths);
    const request = toDeployRequest(options, `Sync ${paths.join(' ')}`);
    return toCommandResult(
      session,
      await push(session.host, { ...request, ...choice, allowShrink: options.allowShrink === true }),
    );
  });
}

/** What the options ask for; `message` stands in when the operator gave none. */
export function toDeployRequest(options: DeployOptions, message: string): DeployRequest {
  return {
    message: options.message ?? message,
    adopt: options.adopt === true,
    force: options.force === true,
    rollback: options.rollback !== false,
    dryRun: options.dryRun === true,
    planOnly: false,
    waitMs: options.wait ?? 0,
    limit: options.limit,
  };
}
