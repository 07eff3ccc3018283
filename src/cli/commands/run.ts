import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ExitStatus, isSystemError, ScapError, toScapError } from '../../core/errors.ts';
import { runSavedPlan } from '../../deploy/upkeep.ts';
import { parsePlan } from '../../plan/plan.ts';
import { toCommandResult } from '../deploy-result.ts';
import type { Io } from '../io.ts';
import { type CommonOptions, runSession } from '../session.ts';

export interface RunOptions extends CommonOptions {
  readonly resume?: boolean | undefined;
  readonly adopt?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly rollback?: boolean | undefined;
  readonly wait?: number | undefined;
}

/** `scap run FILE` */
export function runSaved(io: Io, file: string, options: RunOptions): Promise<ExitStatus> {
  return runSession(io, options, async (session) => {
    const plan = parsePlan(readPlanFile(resolve(session.cwd, file)), file);
    const report = await runSavedPlan(session.host, {
      plan,
      resume: options.resume === true,
      adopt: options.adopt === true,
      force: options.force === true,
      rollback: options.rollback !== false,
      waitMs: options.wait ?? 0,
    });
    return toCommandResult(session, report, file);
  });
}

function readPlanFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new ScapError(
      'plan_invalid',
      toScapError(error)?.message.replace(/^Cannot \w+/, 'Cannot read the plan') ?? `Cannot read the plan "${path}"`,
      {
        hint: 'Make one with: scap plan push --save FILE',
        cause: error,
      },
    );
  }
}
