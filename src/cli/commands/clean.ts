import { type ExitStatus, exitStatus } from '../../core/errors.ts';
import { shortSha } from '../../core/sha.ts';
import { previewPruning } from '../../deploy/inspect.ts';
import { clean } from '../../deploy/upkeep.ts';
import { toOneLine } from '../../report/plain-text.ts';
import { toCommandResult } from '../deploy-result.ts';
import type { Io } from '../io.ts';
import { type CommonOptions, runSession } from '../session.ts';

export interface CleanOptions extends CommonOptions {
  readonly keep?: number | undefined;
  readonly grace?: number | undefined;
  readonly dryRun?: boolean | undefined;
  readonly wait?: number | undefined;
  readonly limit?: string | undefined;
}

/** `scap clean` */
export function runClean(io: Io, options: CleanOptions): Promise<ExitStatus> {
  return runSession(io, options, async (session) => {
    const rule = { keep: options.keep, graceMs: options.grace, limit: options.limit };
    if (!options.dryRun)
      return toCommandResult(session, await clean(session.host, { ...rule, waitMs: options.wait ?? 0 }));
    const hosts = await previewPruning(session.host, rule);
    const lines = hosts.map(({ host, prune, error }) => {
      if (error) return `${host}: ${toOneLine(error.message)}`;
      return prune.length === 0
        ? `${host}: nothing to prune`
        : `${host}: would prune ${prune.map(shortSha).join(', ')}`;
    });
    const json = { ok: true, dryRun: true, hosts };
    return { status: exitStatus.ok, json, text: [...lines, 'Dry run: nothing was changed'].join('\n') };
  });
}
