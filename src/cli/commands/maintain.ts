import { constants, setPriority } from 'node:os';
import { resolve } from 'node:path';
import { type ExitStatus, exitStatus, toExitStatus } from '../../core/errors.ts';
import { maintainInBackground } from '../../deploy/background-maintenance.ts';
import { createStateLayout } from '../../deploy/state-layout.ts';

/** `scap maintain STATE`, which runs start when they have ended. Nobody reads what it says, so it says nothing: the next run has it tried again. */
export async function runMaintain(state: string): Promise<ExitStatus> {
  setPriority(constants.priority.PRIORITY_LOW);
  try {
    await maintainInBackground(createStateLayout(resolve(state)));
    return exitStatus.ok;
  } catch (error) {
    return toExitStatus(error);
  }
}
