import { type Argv, type Finished, type RunOptions, runProgram } from '../../program/run-program.ts';
import { readChildren, readProcess } from '../proc-files.ts';

export interface MeasuredProgram extends Finished {
  /** Processor seconds of the program and of all its descendants that were waited for. */
  readonly cpuSeconds: number;
  /** Peak resident memory of the program itself, without its children. */
  readonly peakBytes: number;
}

const sampleMs = 20;
// bash's own clock for a command and what it waited for; the last line on stderr.
const clock = ['bash', '-c', 'TIMEFORMAT="%U %S"; time "$@"', 'bash'] as const;

/**
 * Runs a program as `runProgram` does and tells what it cost this side: what runs on hosts are children of their SSH
 * servers. Of its memory, only growth in the last 20 ms is missed.
 */
export async function measureProgram(argv: Argv, options: RunOptions): Promise<MeasuredProgram> {
  let timer: NodeJS.Timeout | undefined;
  let peakBytes = 0;
  const watch = (clockPid: number) => {
    timer = setInterval(() => {
      for (const pid of readChildren(clockPid)) peakBytes = Math.max(peakBytes, readProcess(pid)?.peakBytes ?? 0);
    }, sampleMs);
  };
  try {
    const finished = await runProgram([...clock, ...argv], { ...options, onStart: watch });
    const times = finished.stderr.trimEnd().split('\n').at(-1) ?? '';
    return { ...finished, cpuSeconds: parseTimes(times), peakBytes };
  } finally {
    clearInterval(timer);
  }
}

/** `0.123 0.045`; some locales write a comma. */
function parseTimes(line: string): number {
  const [user, system] = line.split(' ').map((text) => Number(text.replace(',', '.')));
  return (user ?? Number.NaN) + (system ?? Number.NaN);
}
