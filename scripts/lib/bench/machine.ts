import { availableParallelism, loadavg, release, totalmem } from 'node:os';
import { runProgram } from '../program/run-program.ts';
import { fileSystemName } from './space.ts';

/** What the numbers were measured on. */
export interface Machine {
  readonly hardware: string;
  readonly software: string;
}

/** Describes this machine, and how busy it was with other things before the run. */
export async function describeMachine(directory: string, signal: AbortSignal): Promise<Machine> {
  const version = async (program: string) => {
    const { stdout } = await runProgram([program, '--version'], { signal });
    return /[0-9]+(\.[0-9]+)+/.exec(stdout)?.[0] ?? 'of unknown version';
  };
  const memory = `${(totalmem() / 1e9).toFixed(0)} GB`;
  const load = `load ${(loadavg()[0] ?? 0).toFixed(1)} before the run`;
  const tools = `node ${process.versions.node}, git ${await version('git')}, rsync ${await version('rsync')}`;
  return {
    hardware: `${availableParallelism()} cores, ${memory}, ${fileSystemName(directory)}, ${load}`,
    software: `Linux ${release()}, ${tools}`,
  };
}
