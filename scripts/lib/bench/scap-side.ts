import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { awaitIdle } from '../program/agents.ts';
import { type Finished, runProgram } from '../program/run-program.ts';
import type { ScapSample } from './measurements.ts';
import { ProcessWatch } from './process-watch.ts';
import { readRunEvents } from './run-events.ts';

const root = join(import.meta.dirname, '../../..');
const hostCount = 3;

/**
 * Builds scap and copies `bin/` and `dist/` to `directory`, as a release would: editing its sources meanwhile does not
 * rebuild it in the middle of a measurement. Returns the program.
 */
export async function releaseScap(directory: string, signal: AbortSignal): Promise<string> {
  await runProgram([join(root, 'bin/scap'), '--version'], { signal });
  for (const name of ['bin', 'dist']) cpSync(join(root, name), join(directory, name), { recursive: true });
  return join(directory, 'bin/scap');
}

export interface MeasureOptions {
  /** Start at once instead of waiting until the targets are idle and the disk is quiet. */
  readonly atOnce?: boolean;
}

/** One embedded fleet of scap, with its three targets, in a directory of its own. */
export class ScapSide {
  readonly #program: string;
  readonly #directory: string;
  readonly #staging: string;
  readonly #signal: AbortSignal;

  constructor(program: string, directory: string, staging: string, signal: AbortSignal) {
    mkdirSync(directory);
    this.#program = program;
    this.#directory = directory;
    this.#staging = staging;
    this.#signal = signal;
  }

  push(options: MeasureOptions = {}): Promise<ScapSample> {
    return this.#measure(['push', this.#staging], options);
  }

  rollback(): Promise<ScapSample> {
    return this.#measure(['rollback'], {});
  }

  /** Pushes and returns at once, while the targets still prepare for the next push. */
  async pushWithoutWaiting(): Promise<void> {
    await awaitIdle(this.#directory, this.#signal);
    await this.#run(['push', this.#staging]);
  }

  /** Bytes of a file as the first target serves it. */
  readLive(path: string): Buffer {
    return readFileSync(join(this.#directory, '.scap/targets/web1/live', path));
  }

  async #measure(args: readonly string[], { atOnce = false }: MeasureOptions): Promise<ScapSample> {
    if (!atOnce) {
      await awaitIdle(this.#directory, this.#signal);
      await runProgram(['sync', '-f', this.#directory], { signal: this.#signal });
    }
    let watch: ProcessWatch | undefined;
    try {
      const { seconds, stdout } = await this.#run(args, (pid) => {
        watch = new ProcessWatch(pid);
      });
      const atExit = watch?.agentCpuSeconds() ?? 0;
      await awaitIdle(this.#directory, this.#signal);
      const afterwards = watch?.agentCpuSeconds() ?? 0;
      return {
        seconds,
        ...readRunEvents(stdout),
        agentCpuSeconds: atExit / hostCount,
        backgroundCpuSeconds: (afterwards - atExit) / hostCount,
        peaks: watch?.peaks() ?? new Map(),
      };
    } finally {
      watch?.stop();
    }
  }

  #run(args: readonly string[], onStart?: (pid: number) => void): Promise<Finished> {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SCAP_')));
    return runProgram([this.#program, ...args, '--events'], {
      cwd: this.#directory,
      env,
      signal: this.#signal,
      ...(onStart && { onStart }),
    });
  }
}
