import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ScriptFailure } from '../../program/async-script.ts';
import { readProcess } from '../proc-files.ts';
import type { Pace } from './simulated-session.ts';
import type { SimulatorReport } from './simulator-main.ts';
import { socketName } from './socket-name.ts';

export interface StartOptions {
  /** The bundled simulator. */
  readonly program: string;
  readonly count: number;
  readonly pace: Pace;
  /** Where the sockets are made. */
  readonly directory: string;
}

const patienceMs = 3000;

/** The processes that host a fleet's simulated agents. They end with the process that started them, however that ends. */
export class Simulators implements AsyncDisposable {
  readonly #children: readonly ChildProcess[];

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children;
  }

  /** Resolves when all of them listen. @throws ScriptFailure when one does not start. */
  static async start({ program, count, pace, directory }: StartOptions): Promise<Simulators> {
    const children = Array.from({ length: count }, (_, at) =>
      spawn(process.execPath, [program, socketName(at), JSON.stringify(pace)], {
        cwd: directory,
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        // A Ctrl-C is for the script, which lets them go when it has stopped what uses them.
        detached: true,
      }),
    );
    const simulators = new Simulators(children);
    try {
      await Promise.all(children.map((child) => hear(child)));
      return simulators;
    } catch (error) {
      await simulators[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What all of them saw since they were asked last. */
  async report(): Promise<SimulatorReport> {
    const reports = await Promise.all(
      this.#children.map((child) => {
        const answer = hear(child);
        child.send('report');
        return answer as Promise<SimulatorReport>;
      }),
    );
    const sum = (pick: (report: SimulatorReport) => number) =>
      reports.reduce((total, report) => total + pick(report), 0);
    return { peakConnections: sum((report) => report.peakConnections), notices: sum((report) => report.notices) };
  }

  /** Processor seconds of all of them so far. */
  cpuSeconds(): number {
    return this.#children.reduce((total, { pid = 0 }) => total + (readProcess(pid)?.cpuSeconds ?? 0), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map(end));
  }
}

/** The next message of a simulator. */
async function hear(child: ChildProcess): Promise<unknown> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const gone = once(child, 'exit', { signal }).then(([code]) => {
    throw new ScriptFailure(`A simulator ended with status ${String(code)}`, 'See the lines above');
  });
  try {
    const [message] = await Promise.race([once(child, 'message', { signal }), gone]);
    return message;
  } finally {
    gone.catch(() => {});
    waiting.abort();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const waiting = new AbortController();
  const late = sleep(patienceMs, undefined, { signal: waiting.signal }).then(
    () => child.kill('SIGKILL'),
    () => {},
  );
  await ended;
  waiting.abort();
  await late;
}
