import { type ChildProcess, spawn } from 'node:child_process';
import { ScriptFailure } from './async-script.ts';

/** A program and its arguments; never a shell string. */
export type Argv = readonly [string, ...string[]];

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Default: 20 minutes. */
  readonly timeoutMs?: number;
  /** Told the process id as soon as it is known. */
  readonly onStart?: (pid: number) => void;
  /** Exit statuses that are no failure; default: only 0. */
  readonly okStatuses?: readonly number[];
}

export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** From before the start of the process until it had exited. */
  readonly seconds: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

const defaultTimeoutMs = 20 * 60 * 1000;
const patienceMs = 3000;

/**
 * Runs a program in a process group of its own and waits for its end. On abort and on time-out the group gets TERM, then KILL.
 *
 * @throws ScriptFailure when it cannot be started, is stopped, or ends with a status not in `okStatuses`; with the last
 * lines it wrote.
 */
export function runProgram(argv: Argv, options: RunOptions): Promise<Finished> {
  options.signal.throwIfAborted();
  const { promise, resolve, reject } = withResolvers<Finished>();
  const startedAt = Date.now();
  const before = performance.now();
  const child = spawn(argv[0], argv.slice(1), {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const output = collectOutput(child);
  const stopWatching = stopOnAbort(child, options);
  let seconds = 0;
  child.on('exit', () => {
    seconds = (performance.now() - before) / 1000;
  });
  child.on('error', (error) => {
    stopWatching();
    reject(new ScriptFailure(`Cannot run "${argv[0]}": ${error.message}`, 'Install it, or correct PATH'));
  });
  child.on('close', (code, signal) => {
    stopWatching();
    const [stdout, stderr] = output();
    const ended = code === null ? `ended by ${String(signal)}` : `exit status ${code}`;
    if (code !== null && (options.okStatuses ?? [0]).includes(code)) {
      resolve({ status: code, stdout, stderr, seconds, startedAt });
    } else {
      const said = (stderr || stdout).trim().split('\n').slice(-8).join('\n  ');
      reject(new ScriptFailure(`Cannot finish "${argv.join(' ')}": ${ended}\n  ${said}`, 'See the lines above'));
    }
  });
  if (child.pid !== undefined) options.onStart?.(child.pid);
  return promise;
}

function collectOutput(child: ChildProcess): () => [string, string] {
  const texts: [string, string] = ['', ''];
  for (const [at, stream] of [child.stdout, child.stderr].entries()) {
    stream?.setEncoding('utf8');
    stream?.on('data', (text: string) => {
      texts[at as 0 | 1] += text;
    });
  }
  return () => texts;
}

function stopOnAbort(child: ChildProcess, { signal, timeoutMs = defaultTimeoutMs }: RunOptions): () => void {
  let killTimer: NodeJS.Timeout | undefined;
  const stop = () => {
    signalGroup(child.pid, 'SIGTERM');
    killTimer ??= setTimeout(signalGroup, patienceMs, child.pid, 'SIGKILL');
  };
  const timer = setTimeout(stop, timeoutMs);
  signal.addEventListener('abort', stop, { once: true });
  return () => {
    clearTimeout(timer);
    clearTimeout(killTimer);
    signal.removeEventListener('abort', stop);
  };
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: Error) => void = () => {};
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
