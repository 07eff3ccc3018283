/**
 * The one place that starts programs: from argument arrays, never through a shell.
 *
 * Every child leads its own process group. A Ctrl-C of the terminal therefore does not reach it (the engine decides what stops and
 * when), and ending it ends its descendants too: execa 9 alone would leave a grandchild that holds a pipe, and hang on it.
 */
import { spawn } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { ResultPromise } from 'execa';
import { isSystemError, ScapError } from '../core/errors.ts';
import { agentMark } from './marked-processes.ts';

export type Argv = readonly [program: string, ...args: string[]];

export interface ProcessOptions {
  readonly cwd?: string | undefined;
  /** The whole environment of the child; nothing but the {@link agentMark} is inherited unless named here. Default: `PATH` and `LC_ALL=C`. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Aborting ends the process group: TERM, then KILL after two seconds. */
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface RunOptions extends ProcessOptions {
  /** What the child reads on its standard input; default: nothing. */
  readonly input?: string | Buffer | undefined;
  /** Exit statuses that are answers, not failures. Default `[0]`. */
  readonly okExits?: readonly number[] | undefined;
  /** Output beyond this is a failure. Default 512 MiB. */
  readonly maxOutputBytes?: number | undefined;
}

export interface Finished {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/**
 * Runs a program to its end and returns what it printed.
 *
 * Throws `tool_missing` when there is no such program, `process_timeout` past `timeoutMs`, `interrupted` when `signal` aborted,
 * `disk_full` when its complaint is a full disk, and `process_failed` for an exit status outside `okExits` or death by a signal.
 */
export async function run(argv: Argv, options: RunOptions = {}): Promise<Finished> {
  const result = await start(await loadExeca(), argv, options, {
    input: options.input ?? '',
    maxBuffer: options.maxOutputBytes ?? 512 * 1024 * 1024,
  });
  const stderr = Buffer.from(result.stderr ?? []).toString('utf8');
  const finished = { exitCode: result.exitCode ?? -1, stdout: Buffer.from(result.stdout ?? []), stderr };
  if (result.exitCode !== undefined && (options.okExits ?? [0]).includes(result.exitCode)) return finished;
  throw failure(argv, options, result, stderr);
}

export interface StreamedProcess {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** What the child has at descriptor 3; there when it was asked for. */
  readonly channel: Duplex | undefined;
  /** Settles when the process has ended and its pipes are closed; rejects as {@link run} does. */
  readonly done: Promise<void>;
  /** Ends the process group: TERM, so that it can end what it started itself, then KILL after two seconds. */
  kill(): void;
  /** An idle child keeps this process from ending no more than a closed file does; it ends with it. */
  setIdle(idle: boolean): void;
  /** Lets the process outlive this one; nobody waits for it any more. */
  release(): void;
}

export interface StreamOptions extends ProcessOptions {
  /** A descriptor to read from or write to instead of a pipe; then `stdin` or `stdout` of the result must not be touched. */
  readonly stdinFd?: number | undefined;
  readonly stdoutFd?: number | undefined;
  readonly okExits?: readonly number[] | undefined;
  /** Gives the child, and what it starts, a descriptor 3 that leads here and back. */
  readonly withChannel?: boolean | undefined;
  /** Told each piece of standard error as it comes; the last 64 KiB are kept for the error in any case. */
  readonly onStderr?: ((text: string) => void) | undefined;
}

/** Starts a program whose input or output is too large, or too alive, to be collected. The caller must consume `stdout`. */
export async function startStreamed(argv: Argv, options: StreamOptions = {}): Promise<StreamedProcess> {
  const child = start(await loadExeca(), argv, options, {
    stdio: [options.stdinFd ?? 'pipe', options.stdoutFd ?? 'pipe', 'pipe', ...(options.withChannel ? ['pipe'] : [])],
    buffer: false,
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (text: string) => {
    stderr = (stderr + text).slice(-65_536);
    options.onStderr?.(text);
  });
  // A reader that ends early closes the pipe under us; the exit status says what happened.
  child.stdin?.on('error', () => {});
  const channel = options.withChannel ? (child.stdio[3] as unknown as Duplex) : undefined;
  channel?.on('error', () => {});
  // What nobody has read by then nobody waits for.
  if (channel !== undefined) (child as unknown as EventEmitter).once('exit', () => channel.destroy());
  const done = child.then((result) => {
    if (result.exitCode !== undefined && (options.okExits ?? [0]).includes(result.exitCode)) return;
    throw failure(argv, options, result, stderr);
  });
  done.catch(() => {});
  const pid = child.pid ?? -1;
  const setIdle = (idle: boolean) => {
    for (const part of [child, child.stdin, child.stdout, child.stderr] as (Partial<Socket> | null)[])
      if (idle) part?.unref?.();
      else part?.ref?.();
  };
  const release = () => {
    liveGroups.delete(pid);
    setIdle(true);
  };
  const kill = () => {
    const timer = terminateGroup(pid);
    void child.finally(() => clearTimeout(timer));
  };
  return { pid, stdin: child.stdin, stdout: child.stdout, channel, done, kill, setIdle, release };
}

/** Starts a program that nobody waits for, hears of or ends: it outlives this process. A program that cannot be started is passed over. */
export function startDetached(argv: Argv, { cwd = '/', env }: Pick<ProcessOptions, 'cwd' | 'env'>): void {
  const [program, ...args] = argv;
  const child = spawn(program, args, { cwd, env: { ...agentMark(), ...env }, detached: true, stdio: 'ignore' });
  child.on('error', () => {});
  child.unref();
}

/** Sends `signal` to a process group this module started. A group that is gone is not an error. */
export function killGroup(pid: number, signal: NodeJS.Signals): void {
  if (pid <= 1) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!isSystemError(error, 'ESRCH', 'EPERM')) throw error;
  }
}

/** TERM now, KILL after two seconds unless the returned timer is cleared. */
function terminateGroup(pid: number): NodeJS.Timeout {
  killGroup(pid, 'SIGTERM');
  return setTimeout(killGroup, 2000, pid, 'SIGKILL');
}

type Child = ResultPromise<{ encoding: 'buffer'; reject: false }>;

const liveGroups = new Set<number>();

/** Loaded on first use: importing execa costs 70 ms, and many commands start no process at all. */
async function loadExeca() {
  const { execa } = await import('execa');
  if (liveGroups.size === 0 && process.listeners('exit').indexOf(killLiveGroups) < 0)
    process.on('exit', killLiveGroups);
  return execa;
}

function killLiveGroups(): void {
  for (const pid of liveGroups) killGroup(pid, 'SIGKILL');
}

function start(
  execa: Awaited<ReturnType<typeof loadExeca>>,
  argv: Argv,
  options: ProcessOptions,
  io: Record<string, unknown>,
): Child {
  const [program, ...args] = argv;
  const child = execa(program, args, {
    ...io,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: { ...agentMark(), ...(options.env ?? { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' }) },
    extendEnv: false,
    encoding: 'buffer',
    stripFinalNewline: false,
    reject: false,
    detached: true,
    cleanup: false,
  }) as unknown as Child;
  if (child.pid !== undefined) watchOver(child, child.pid, options);
  return child;
}

/** Ends the group on abort and on time-out, and forgets it when it has ended. */
function watchOver(child: Child, pid: number, { signal, timeoutMs }: ProcessOptions): void {
  liveGroups.add(pid);
  let killTimer: NodeJS.Timeout | undefined;
  const terminate = () => {
    killTimer = terminateGroup(pid);
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(terminate, timeoutMs);
  if (signal?.aborted) terminate();
  signal?.addEventListener('abort', terminate, { once: true });
  void child.finally(() => {
    liveGroups.delete(pid);
    clearTimeout(timer);
    clearTimeout(killTimer);
    signal?.removeEventListener('abort', terminate);
  });
}

function failure(argv: Argv, options: ProcessOptions, result: Awaited<Child>, stderr: string): ScapError {
  const name = argv.find((word, at) => at > 0 && !word.startsWith('-') && argv[at - 1] !== '-c');
  const program = name === undefined || !/^[a-z-]+$/.test(name) ? argv[0] : `${argv[0]} ${name}`;
  const cause = result.cause ?? result;
  const data = {
    argv: [...argv],
    exitCode: result.exitCode ?? null,
    signal: result.signal ?? null,
    stderr: stderr.slice(-4096),
  };
  if (isSystemError(result.cause, 'ENOENT')) {
    return new ScapError('tool_missing', `Cannot run "${argv[0]}": no such program in PATH`, {
      hint: `Install it, for example with: apt-get install ${argv[0]}`,
      data: { tool: argv[0] },
      cause,
    });
  }
  if (options.signal?.aborted) return new ScapError('interrupted', `Stopped "${program}" on request`, { data });
  if (result.signal !== undefined && options.timeoutMs !== undefined) {
    return new ScapError('process_timeout', `Cannot finish "${program}": not done after ${options.timeoutMs} ms`, {
      data,
    });
  }
  if (/No space left on device|Disk quota exceeded/.test(stderr)) {
    return new ScapError('disk_full', `Cannot finish "${program}": no space left on the device`, {
      hint: 'Free disk space or inodes there, then run the same command again',
      data,
      cause,
    });
  }
  const ended = result.isMaxBuffer
    ? 'printed more than allowed'
    : result.exitCode === undefined
      ? `ended by ${result.signal ?? 'an unknown cause'}`
      : `exit status ${result.exitCode}`;
  const said = lastLines(stderr, 3);
  return new ScapError('process_failed', `Cannot finish "${program}": ${ended}${said && `: ${said}`}`, { data, cause });
}

function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join(' | ').slice(-500);
}
