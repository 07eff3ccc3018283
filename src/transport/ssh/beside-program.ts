import type { ClientChannel } from 'ssh2';
import { ScapError } from '../../core/errors.ts';
import type { Argv } from '../../system/process.ts';
import type { BesideProgram } from '../agent-streams.ts';
import { besideCommand, besideWord } from './bootstrap.ts';
import { execute, type Wait } from './execute.ts';
import type { Link } from './link.ts';

const maxNoiseBytes = 64 * 1024;

/**
 * In another session of the same connection. A server that closes it ends what reads from it or writes to it; what that does not end carries the
 * agent's token, and is ended with it.
 */
export async function executeBeside({ client }: Link, argv: Argv, token: string, wait: Wait): Promise<BesideProgram> {
  const channel = await execute(client, besideCommand(argv, token), wait);
  channel.on('error', () => {});
  channel.stderr.resume();
  const ended = new Promise<void>((resolve) => {
    channel.once('close', resolve);
    client.once('close', resolve);
  });
  const kill = () => {
    // ssh2 says that a channel is closed when it was read to its end, and one that was piped to somebody who went is paused.
    channel.unpipe();
    channel.resume();
    channel.destroy();
  };
  const late = setTimeout(kill, wait.timeoutMs);
  try {
    await skipTo(channel, besideWord);
  } catch {
    kill();
    throw new ScapError('target_unreachable', `Cannot reach ${wait.host}: it does not start ${argv[0]}`);
  } finally {
    clearTimeout(late);
  }
  return { stdin: channel, stdout: channel, ended, kill };
}

/** Reads lines up to this one: what a login shell may print. What follows is left to be read. Rejects when it does not come. */
async function skipTo(channel: ClientChannel, word: string): Promise<void> {
  let read = Buffer.alloc(0);
  const line = Buffer.from(`${word}\n`);
  await new Promise<void>((resolve, reject) => {
    const settle = (act: () => void) => {
      channel.off('readable', take);
      channel.off('close', end);
      act();
    };
    const end = () => settle(() => reject(new Error('it ended')));
    const take = () => {
      for (let chunk = channel.read(); chunk !== null; chunk = channel.read()) read = Buffer.concat([read, chunk]);
      const at = read.indexOf(line);
      if (at < 0 && read.length > maxNoiseBytes) return end();
      if (at < 0) return;
      const rest = read.subarray(at + line.length);
      settle(() => {
        if (rest.length > 0) channel.unshift(rest);
        resolve();
      });
    };
    channel.on('readable', take);
    channel.once('close', end);
  });
}
