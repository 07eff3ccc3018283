/**
 * An agent at the far end of an SSH connection: started, given its own bytes if the host lacks them, and ended without leaving anything behind.
 */
import type { Client, ClientChannel } from 'ssh2';
import { ScapError } from '../../core/errors.ts';
import type { AgentStreams, ConnectOptions } from '../connection.ts';
import { type AgentStart, bootstrapCommand, parseBootstrapLine, reapCommand } from './bootstrap.ts';

/** How long ending what hangs on a host may take. */
const reapMs = 5000;
const maxLineBytes = 64 * 1024;

/**
 * Starts the agent over `client`, which it ends when the agent is gone. Throws `node_missing`, `agent_unusable`, `connect_timeout`, `interrupted`
 * or `handshake_lost`; then the client has been ended.
 */
export async function startRemoteAgent(
  client: Client,
  host: string,
  start: AgentStart & { readonly bytes: Buffer },
  options: ConnectOptions,
): Promise<AgentStreams> {
  const noise = (line: string) => options.onNoise?.(line);
  const said: string[] = [];
  try {
    const channel = await execute(client, bootstrapCommand(start));
    channel.stderr.setEncoding('utf8');
    channel.stderr.on('data', (text: string) => {
      for (const line of text.split('\n').filter(Boolean)) {
        said.push(line);
        said.splice(0, said.length - 5);
        noise(line);
      }
    });
    channel.on('error', () => {});
    await converse(channel, host, start, options, said);
    const ended = new Promise<string>((resolve) => {
      let status = 'the agent ended';
      channel.once('exit', (exit: number | null, signal?: string) => {
        status = exit === 0 ? status : `the agent ended with ${signal ? `signal ${signal}` : `exit status ${exit}`}`;
      });
      channel.once('close', () => resolve(said.length === 0 ? status : `${status}: ${said.at(-1)}`));
      client.once('close', () => resolve('the connection was closed'));
      client.on('error', (error: Error) => resolve(error.message));
    });
    void ended.then(() => client.end());
    return {
      stdin: channel,
      stdout: channel,
      ended,
      kill: () => void reap(client, start.token),
      release: () => client.end(),
    };
  } catch (error) {
    client.destroy();
    throw error;
  }
}

/** Talks with the script until it starts Node; gives it the agent when it asks. */
function converse(
  channel: ClientChannel,
  host: string,
  { bytes, node }: AgentStart & { readonly bytes: Buffer },
  { timeoutMs, signal, onNoise }: ConnectOptions,
  said: readonly string[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    let pending = Buffer.alloc(0);
    const settle = (error?: ScapError) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      channel.off('data', read);
      channel.off('close', close);
      if (error === undefined) resolve();
      else reject(error);
    };
    const abort = () => settle(new ScapError('interrupted', `Stopped connecting to ${host} on request`));
    const close = () =>
      settle(
        new ScapError(
          'target_unreachable',
          `Cannot reach ${host}: its shell ended: ${said.at(-1) ?? 'without a word'}`,
          {
            hint: 'Can the user log in there and run commands?',
          },
        ),
      );
    const timer = setTimeout(
      () =>
        settle(
          new ScapError('connect_timeout', `Cannot reach ${host}: its shell did not answer after ${timeoutMs} ms`),
        ),
      timeoutMs,
    );
    const onLine = (line: string): boolean => {
      const parsed = parseBootstrapLine(line);
      switch (parsed?.word) {
        case undefined:
          onNoise?.(line);
          return true;
        case 'send':
          channel.write(bytes);
          return true;
        case 'start':
          settle();
          return false;
        case 'no-node':
          settle(noNode(host, node));
          return false;
        default:
          settle(notStored(host, parsed?.detail ?? '', said));
          return false;
      }
    };
    const read = (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      for (let end = pending.indexOf(0x0a); end >= 0; end = pending.indexOf(0x0a)) {
        const line = pending.subarray(0, end).toString('utf8');
        pending = pending.subarray(end + 1);
        if (onLine(line)) continue;
        // The rest is the agent's.
        channel.pause();
        if (pending.length > 0) channel.unshift(pending);
        return;
      }
      if (pending.length > maxLineBytes)
        settle(new ScapError('protocol_violation', `Cannot talk to ${host}: a line of its shell does not end`));
    };
    channel.on('data', read);
    channel.once('close', close);
    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort, { once: true });
  });
}

function execute(client: Client, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.once('close', () =>
      reject(new ScapError('handshake_lost', 'the connection was closed before the agent was started')),
    );
    client.exec(command, (error, channel) => {
      if (error)
        reject(new ScapError('target_unreachable', `Cannot start a program there: ${error.message}`, { cause: error }));
      else resolve(channel);
    });
  });
}

/** Over the same connection while it lasts; when it is gone, the agent notices that by itself. */
async function reap(client: Client, token: string): Promise<void> {
  const timer = setTimeout(() => client.destroy(), reapMs);
  client.once('close', () => clearTimeout(timer));
  try {
    const channel = await execute(client, reapCommand(token));
    channel.stderr.resume();
    channel.resume();
    channel.once('close', () => client.end());
  } catch {
    client.destroy();
  }
}

function noNode(host: string, node: string): ScapError {
  return new ScapError('node_missing', `Cannot use ${host}: there is no "${node}" in the PATH of its SSH sessions`, {
    hint: 'Install it there: apt-get install nodejs; or set "ssh.node" to where it lies',
    data: { host, node },
  });
}

/** What a line that is no message says of the host's Node, if it does. */
export function findOldNode(host: string, line: string): ScapError | undefined {
  const parsed = parseBootstrapLine(line);
  if (parsed?.word !== 'old-node') return undefined;
  const version = parsed.detail;
  return new ScapError('node_too_old', `Cannot use ${host}: its Node is ${version}, 20.12 or newer is needed`, {
    hint: 'Install a newer one there, and set "ssh.node" when it is not the first in PATH',
    data: { host, version },
  });
}

function notStored(host: string, directory: string, said: readonly string[]): ScapError {
  return new ScapError(
    'agent_unusable',
    `Cannot use ${host}: the agent cannot be stored in "${directory}"${said.length === 0 ? '' : `: ${said.at(-1)}`}`,
    { hint: "Is there space, and is the directory the user's own?", data: { host, directory } },
  );
}
