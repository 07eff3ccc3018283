/**
 * Finding what an agent has started when the agent itself cannot end it any more: it was killed, or does not react.
 *
 * Every program leads its own process group, so no group and no session holds them together. What they share is a mark in their environment,
 * which each child inherits and no program of ours takes away.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { isSystemError } from '../core/errors.ts';

/** Names the mark in the environment; its value tells one agent's processes from another's. */
export const agentMarkName = 'SCAP_AGENT_TOKEN';

/** What of this process's environment every child must have: the mark, if this is an agent (or started by one). */
export function agentMark(): Record<string, string> {
  const token = process.env[agentMarkName];
  return token === undefined ? {} : { [agentMarkName]: token };
}

/**
 * Kills (KILL, which stopped processes cannot put off) every process of this machine that carries one of the tokens, but this one. Processes
 * of other users are left alone. Looks again until nothing is left that may have been started meanwhile. Returns how many were killed.
 *
 * See proc_pid_environ(5): it tells the environment a process was started with.
 */
export function killMarked(...tokens: string[]): number {
  const marks = tokens.map((token) => `${agentMarkName}=${token}`);
  const killed = new Set<number>();
  for (let round = 0; round < 5; round++) {
    const found = listMarked(marks).filter((pid) => !killed.has(pid));
    for (const pid of found) kill(pid);
    for (const pid of found) killed.add(pid);
    if (found.length === 0) break;
  }
  return killed.size;
}

function listMarked(marks: readonly string[]): number[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'latin1').split('\0');
      return marks.some((mark) => environment.includes(mark)) ? [pid] : [];
    } catch (error) {
      // It has ended, or is none of ours.
      if (isSystemError(error)) return [];
      throw error;
    }
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isSystemError(error, 'ESRCH', 'EPERM')) throw error;
  }
}
