import { accessSync, constants, readFileSync } from 'node:fs';
import { isSystemError, ScapError } from '../core/errors.ts';

/** Throws `tool_missing` when the bundled agent is not there or cannot be read: no host can be used then, whichever it is. */
export function checkAgentProgram(path: string): void {
  attempt(path, () => accessSync(path, constants.R_OK));
}

/** The bytes of the bundled agent. Throws `tool_missing` as {@link checkAgentProgram} does. */
export function readAgentProgram(path: string): Buffer {
  return attempt(path, () => readFileSync(path));
}

function attempt<T>(path: string, look: () => T): T {
  try {
    return look();
  } catch (cause) {
    if (!isSystemError(cause, 'ENOENT', 'ENOTDIR', 'EACCES')) throw cause;
    const found = cause.code === 'EACCES' ? 'may not be read' : 'is missing';
    throw new ScapError('tool_missing', `Cannot reach any host: the agent "${path}" ${found}`, {
      hint: 'Build it anew, in the directory scap is installed in, with: scripts/setup',
      data: { path },
      cause,
    });
  }
}
