/** How rsync is called wherever scap calls it; needs 3.1 (2013). */

import type { Duplex } from 'node:stream';
import { ScapError, toScapError } from '../../core/errors.ts';
import { type Argv, killGroup, type ProcessOptions, run, startStreamed } from '../../system/process.ts';
import { readRemoteCommand, remoteShellCommand } from '../../system/remote-shell.ts';

/**
 * Compares one file with what is there under its name, whatever its time and size, changes that in place, and tells how far it is. Neither
 * times nor modes nor owners are taken over.
 */
const comparingFlags = ['--inplace', '--ignore-times', '--no-whole-file', '--info=progress2', '--outbuf=N'];

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

/** Exit statuses of rsync(1) that blame the other end or the way to it: first those of one that will not, then those of one that cannot. */
const refusedExits = new Set([4, 5]);
const lostExits = new Set([2, 10, 12, 23, 24, 30, 35]);

/** What a failure of {@link compareByRsync} means, where it says more than that rsync failed: `source_refused` or `source_lost`. */
export function explainRsync(thrown: unknown, cannot: string): unknown {
  const error = toScapError(thrown);
  if (error?.code !== 'process_failed') return thrown;
  const exit = Number(error.data.exitCode);
  const code = refusedExits.has(exit) ? 'source_refused' : lostExits.has(exit) ? 'source_lost' : undefined;
  if (code === undefined) return error;
  return new ScapError(code, `${cannot}: rsync ends with ${exit}`, { data: { exitCode: exit }, cause: error });
}

export interface RsyncOptions extends ProcessOptions {
  /** What it reads on standard input; default: nothing. */
  readonly input?: string | undefined;
  /** Told how many bytes of the file are done. */
  readonly onProgress: (bytes: number) => void;
  /** Connects it with the rsync of another host, which is started with these arguments; for a file there, `host:path`. */
  readonly connect?: ((args: readonly string[], streams: Duplex) => Promise<void>) | undefined;
}

/** Runs rsync with {@link comparingFlags} to its end. Throws as `run` of `system/process`. */
export async function compareByRsync(
  args: readonly string[],
  { input = '', onProgress, connect, ...options }: RsyncOptions,
): Promise<void> {
  const remote = connect === undefined ? [] : ['--secluded-args', '-e', remoteShellCommand()];
  const argv: Argv = ['rsync', ...comparingFlags, ...remote, ...args];
  const rsync = await startStreamed(argv, { ...options, withChannel: connect !== undefined });
  const connected = connect && rsync.channel && connectRemote(rsync.channel, connect);
  // Asked to end, it takes its time; and what it has written is compared anew in any case.
  const kill = () => killGroup(rsync.pid, 'SIGKILL');
  options.signal?.addEventListener('abort', kill, { once: true });
  if (options.signal?.aborted) kill();
  try {
    rsync.stdin.end(input);
    const read = readProgress(onProgress);
    for await (const chunk of rsync.stdout) read(chunk as Buffer);
    await rsync.done;
  } finally {
    options.signal?.removeEventListener('abort', kill);
    rsync.channel?.destroy();
    // The other rsync writes no more when somebody looks.
    await connected;
  }
}

/** Never rejects: what fails there, the rsync here tells. */
async function connectRemote(channel: Duplex, connect: NonNullable<RsyncOptions['connect']>): Promise<void> {
  // The host that it names, the program, and what that is told.
  const [, program, ...args] = (await readRemoteCommand(channel)) ?? [];
  if (program === 'rsync') await connect(args, channel).catch(() => {});
  channel.destroy();
}

/**
 * Reads what rsync prints with `--info=progress2`: lines such as `1,234,567  12%  1.2MB/s  0:00:01`, ended by carriage returns. Tells how many bytes of
 * the file are done.
 */
export function readProgress(onProgress: (bytes: number) => void): (chunk: Buffer) => void {
  let rest = '';
  return (chunk) => {
    const lines = (rest + chunk.toString('latin1')).split(/[\r\n]/);
    rest = lines.pop()?.slice(-200) ?? '';
    for (const line of lines) {
      const bytes = /^\s*(\d[\d,.]*)\s+\d+%/.exec(line)?.[1];
      if (bytes !== undefined) onProgress(Number(bytes.replaceAll(/\D/g, '')));
    }
  };
}
