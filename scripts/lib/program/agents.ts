import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ScriptFailure } from './async-script.ts';

const idleTimeoutMs = 10 * 60 * 1000;
const pollMs = 50;
const patienceMs = 5000;

/** Ids of the agents of scap whose cache lies below a directory, and of its maintenance of a state directory there: they outlive the deploy process. */
export function agentsBelow(directory: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const words = readCommandLine(Number(name));
    const isAgent = words.some((word) => word.endsWith('/agent.mjs')) || words.at(-2) === 'maintain';
    return isAgent && words.some((word) => word.startsWith(`${directory}/`)) ? [Number(name)] : [];
  });
}

/** Words of a process's command line; none when it has ended or is a kernel thread. */
export function readCommandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

/** Waits until no agent works below a directory. @throws ScriptFailure when one still does after ten minutes. */
export async function awaitIdle(directory: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + idleTimeoutMs;
  for (let agents = agentsBelow(directory); agents.length > 0; agents = agentsBelow(directory)) {
    if (Date.now() > deadline) {
      throw new ScriptFailure(
        `Cannot go on: agents ${agents.join(', ')} below "${directory}" do not end`,
        'Look at what they do, then run again',
      );
    }
    await sleep(pollMs, undefined, { signal });
  }
}

/** Ends the agents below a directory: TERM, and KILL after five seconds. */
export async function endAgents(directory: string): Promise<void> {
  for (const pid of agentsBelow(directory)) signalProcess(pid, 'SIGTERM');
  const deadline = Date.now() + patienceMs;
  while (agentsBelow(directory).length > 0 && Date.now() < deadline) await sleep(pollMs);
  for (const pid of agentsBelow(directory)) signalProcess(pid, 'SIGKILL');
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
