import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type ExitStatus, exitStatus, isSystemError, ScapError, toScapError } from '../../core/errors.ts';
import { type DeployReport, push, rollback } from '../../deploy/deploy.ts';
import { describeTask } from '../../deploy/executor.ts';
import { seed } from '../../deploy/seed.ts';
import { formatPlan } from '../../plan/plan.ts';
import { formatPlanText } from '../../report/plan-text.ts';
import type { Io } from '../io.ts';
import { type CommandResult, runSession, type Session } from '../session.ts';
import { choosePaths, chooseStaging } from '../staging-path.ts';
import { type PushOptions, toDeployRequest } from './push.ts';
import { parseRollbackTarget } from './rollback.ts';

export interface PlanOptions extends PushOptions {
  readonly save?: string | undefined;
}

/** `scap plan push [PATH]` */
export function planPush(io: Io, path: string | undefined, options: PlanOptions): Promise<ExitStatus> {
  return runSession(io, options, async (session) => {
    const choice = chooseStaging(session.host, session.cwd, path);
    const request = { ...planRequest(options, 'Push'), ...choice, allowShrink: options.allowShrink === true };
    return keep(session, options, await push(session.host, request));
  });
}

/** `scap plan sync-file PATH...` */
export function planSyncFile(io: Io, paths: readonly string[], options: PlanOptions): Promise<ExitStatus> {
  return runSession(io, options, async (session) => {
    const choice = choosePaths(session.host, session.cwd, paths);
    const request = {
      ...planRequest(options, `Sync ${paths.join(' ')}`),
      ...choice,
      allowShrink: options.allowShrink === true,
    };
    return keep(session, options, await push(session.host, request));
  });
}

/** `scap plan rollback [SHA|-N]` */
export function planRollback(io: Io, revision: string | undefined, options: PlanOptions): Promise<ExitStatus> {
  return runSession(io, options, async (session) => {
    const to = parseRollbackTarget(revision);
    return keep(session, options, await rollback(session.host, { ...planRequest(options, 'Rollback'), to }));
  });
}

/** `scap plan seed HOST...` */
export function planSeed(io: Io, hosts: readonly string[], options: PlanOptions): Promise<ExitStatus> {
  return runSession(io, options, async (session) =>
    keep(session, options, await seed(session.host, { ...planRequest(options, `Seed ${hosts.join(' ')}`), hosts })),
  );
}

function planRequest(options: PlanOptions, message: string) {
  return { ...toDeployRequest(options, message), planOnly: true };
}

function keep({ host, cwd }: Session, { save }: PlanOptions, { plan }: DeployReport): CommandResult {
  if (save !== undefined) savePlan(resolve(cwd, save), formatPlan(plan));
  const groups = host.inventory.groups.map(({ name, hosts }) => ({ name, hosts: hosts.map((member) => member.name) }));
  const text = formatPlanText(plan, (task) => describeTask(host.commands, task), groups);
  const saved = save === undefined ? '' : `\nSaved; run it with: scap run ${save}`;
  return { status: exitStatus.ok, json: plan as unknown as Record<string, unknown>, text: text + saved };
}

function savePlan(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new ScapError('usage', `Cannot save the plan to "${path}": ${toScapError(error)?.message ?? error.code}`, {
      hint: 'Name a file in a directory you may write to',
      cause: error,
    });
  }
}
