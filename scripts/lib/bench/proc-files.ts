import { readFileSync } from 'node:fs';

/** What the kernel tells of one process at one moment. */
export interface ProcessFacts {
  /** Peak of its resident memory so far. */
  readonly peakBytes: number;
  /** Processor time of itself and of the children it has waited for, in seconds. */
  readonly cpuSeconds: number;
}

// sysconf(_SC_CLK_TCK), 100 on every Linux that Node runs on.
const ticksPerSecond = 100;

/** Reads the facts of a process; `undefined` when it has ended. Follows proc(5). */
export function readProcess(pid: number): ProcessFacts | undefined {
  const status = readText(`/proc/${pid}/status`);
  const stat = readText(`/proc/${pid}/stat`);
  const peakKib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  // A zombie has no memory any more.
  if (peakKib === undefined || stat === '') return undefined;
  // The second field is the name in parentheses, which may hold anything; state is the third, utime the fourteenth.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { peakBytes: Number(peakKib) * 1024, cpuSeconds: ticks / ticksPerSecond };
}

/** Processor seconds of all children this process has waited for so far, and of those they have waited for. */
export function endedChildrenCpuSeconds(): number {
  const stat = readText('/proc/self/stat');
  // cutime and cstime are the sixteenth and seventeenth field.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}

/** Ids of the children of a process's main thread, which is the one that starts programs in Node. */
export function readChildren(pid: number): number[] {
  return readText(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
