import { type ExitStatus, ScapError } from '../../core/errors.ts';
import { type RollbackRequest, rollback } from '../../deploy/deploy.ts';
import { toCommandResult } from '../deploy-result.ts';
import type { Io } from '../io.ts';
import { runSession } from '../session.ts';
import { type DeployOptions, toDeployRequest } from './push.ts';

/** `scap rollback [SHA|-N]` */
export function runRollback(io: Io, revision: string | undefined, options: DeployOptions): Promise<ExitStatus> {
  return runSession(io, options, async (session) => {
    const to = parseRollbackTarget(revision);
    return toCommandResult(session, await rollback(session.host, { ...toDeployRequest(options, 'Rollback'), to }));
  });
}

/** Reads what the operator typed: nothing is one step back, `-N` is N, anything else a revision. */
export function parseRollbackTarget(text: string | undefined): RollbackRequest['to'] {
  if (text === undefined) return { steps: 1 };
  if (!text.startsWith('-')) return { revision: text };
  if (text.startsWith('--')) {
    throw new ScapError('usage', `Cannot roll back: there is no option "${text}"`, {
      hint: 'See: scap rollback --help',
    });
  }
  const steps = /^-(\d{1,6})$/.test(text) ? Number(text.slice(1)) : 0;
  if (steps > 0) return { steps };
  throw new ScapError('usage', `Cannot roll back to "${text}": it is neither a revision nor -N`, {
    hint: 'For example: scap rollback -2',
  });
}
