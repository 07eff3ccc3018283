import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readRemoteCommand, remoteShellArgv } from '../../../src/system/remote-shell.ts';

function startShell(...args: string[]) {
  const [program, ...own] = remoteShellArgv;
  const child = spawn(program, [...own, ...args], { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('no streams');
  return { child, stdin, stdout, channel: child.stdio[3] as Duplex, said: () => stderr };
}

describe('the remote shell', () => {
  it('tells what is to be started, and carries what both say', async () => {
    const { child, stdin, stdout, channel } = startShell('host', 'rsync', "it's", 'two\nlines');
    stdin.write('from here');
    expect(await readRemoteCommand(channel)).toEqual(['host', 'rsync', "it's", 'two\nlines']);
    expect(String((await once(channel, 'data'))[0])).toBe('from here');
    channel.end('from there');
    expect(String((await once(stdout, 'data'))[0])).toBe('from there');
    stdin.end();
    await once(child, 'close');
  });

  it.each([0, 5, 10, 20, 40, 60])(
    'ends on SIGUSR1, as rsync sends it, and opens no debugger; after %i ms',
    async (afterMs) => {
      const { child, channel, said } = startShell('host', 'rsync');
      channel.resume();
      const closed = once(child, 'close');
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      const again = setInterval(() => child.kill('SIGUSR1'), 20);
      await closed;
      clearInterval(again);
      expect(said()).not.toContain('Debugger listening');
    },
  );

  it('is told when the other end says nothing that makes sense', async () => {
    const { child, channel } = startShell('host');
    channel.destroy();
    expect(await readRemoteCommand(channel)).toBe(undefined);
    await once(child, 'close');
  });
});
