/** How rsync is called wherever scap calls it; needs 3.1 (2013). */
import type { Duplex } from 'node:stream';
import { ScapError, toScapError } from '../../core/errors.ts';
import { type Argv, killGroup, type ProcessOptions, run, startStreamed } from '../../system/process.ts';
import { readRemoteCommand, remoteShellCommand } from '../../system/remote-shell.ts';

/**
 * Compares one file with what is there under its name, whatever its time and size, and changes that in place. Neither times nor modes nor owners are
 * taken over. Nothing for ten minutes is too much for every limit of rate; who watches the copy is told of less.
 */
const comparingFlags = ['--inplace', '--ignore-times', '--no-whole-file', '--timeout=600'];

/** Throws `tool_missing` where there is no rsync. */
export async function requireRsync(where: string): Promise<void> {
  try {
    await run(['rsync', '--version']);
  } catch (error) {
    const missing = toScapError(error);
    if (missing?.code !== 'tool_missing') throw error;
    throw new ScapError('tool_missing', `Cannot carry bundles by rsync: it is not installed on ${where}`, {
      hint: 'Install it: apt-get install rsync; or set fanout.carrier to "relay" in scap.yaml',
      cause: error,
    });
  }
}

export interface RsyncOptions extends ProcessOptions {
  /** What it reads on standard input; default: nothing. */
  readonly input?: string | undefined;
  /** Connects it with the rsync of another host, which is started with these arguments; for a file there, `host:path`. */
  readonly connect?: ((args: readonly string[], streams: Duplex) => Promise<void>) | undefined;
}

/** Runs rsync with {@link comparingFlags} to its end. Throws what `connect` throws, and as `run` of `system/process`. */
export async function compareByRsync(
  args: readonly string[],
  { input = '', connect, ...options }: RsyncOptions,
): Promise<void> {
  // "-s" has a long name only in younger ones.
  const remote = connect === undefined ? [] : ['-s', '-e', remoteShellCommand()];
  const argv: Argv = ['rsync', ...comparingFlags, ...remote, ...args];
  const rsync = await startStreamed(argv, { ...options, withChannel: connect !== undefined });
  const connected = connect && rsync.channel && connectRemote(rsync.channel, connect);
  // Asked to end, it takes its time; and what it has written is compared anew in any case.
  const kill = () => killGroup(rsync.pid, 'SIGKILL');
  options.signal?.addEventListener('abort', kill, { once: true });
  if (options.signal?.aborted) kill();
  rsync.stdout.resume();
  rsync.stdin.end(input);
  const failure = await rsync.done.catch((error: unknown) => error);
  options.signal?.removeEventListener('abort', kill);
  rsync.channel?.destroy();
  // The other rsync writes no more when somebody looks. Why there is none, this one cannot know.
  const why = await connected;
  if (failure !== undefined && why !== undefined && options.signal?.aborted !== true) throw why;
  if (failure !== undefined) throw failure;
}

/** Resolves with what kept the two from being connected. */
async function connectRemote(channel: Duplex, connect: NonNullable<RsyncOptions['connect']>): Promise<unknown> {
  try {
    // The host that it names, the program, and what that is told.
    const [, program, ...args] = (await readRemoteCommand(channel)) ?? [];
    if (program === 'rsync') await connect(args, channel);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    channel.destroy();
  }
}

/** Exit statuses of rsync(1) that blame the other end or the way to it: those of one that will not, and of one that cannot. */
const refusedExits = new Set([4, 5]);
const lostExits = new Set([2, 10, 12, 23, 24, 30, 35, 255]);

/** What a failure of {@link compareByRsync} means, where it says more than that rsync failed: `source_refused` or `source_lost`. */
export function explainRsync(thrown: unknown, cannot: string): unknown {
  const error = toScapError(thrown);
  if (error?.code !== 'process_failed') return thrown;
  const exit = Number(error.data.exitCode);
  const code = refusedExits.has(exit) ? 'source_refused' : lostExits.has(exit) ? 'source_lost' : undefined;
  if (code === undefined) return error;
  const said = String(error.data.stderr).trim().split('\n', 1)[0]?.slice(0, 200);
  const message = `${cannot}: rsync ends with ${exit}${said ? `: ${said}` : ''}`;
  return new ScapError(code, message, { data: { exitCode: exit }, cause: error });
}
