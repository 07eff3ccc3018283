/**
 * An agent at the far end of an SSH connection: started, given its own bytes if the host lacks them, and ended without leaving anything behind.
 */
import type { ClientChannel } from 'ssh2';
import { ScapError } from '../../core/errors.ts';
import type { Argv } from '../../system/process.ts';
import type { AgentStreams } from '../agent-streams.ts';
import type { ConnectOptions } from '../connection.ts';
import { executeBeside } from './beside-program.ts';
import { type AgentStart, bootstrapCommand, parseBootstrapLine, reapCommand } from './bootstrap.ts';
import { execute } from './execute.ts';
import type { Link } from './link.ts';

/** How long ending what hangs on a host may take. */
const reapMs = 5000;
/** How long the reason for a failure is waited for. */
const lastWordsMs = 500;
const maxLineBytes = 64 * 1024;

/**
 * Starts the agent over `link`, which it ends when the agent is gone. Throws `node_missing`, `agent_unusable`, `connect_timeout`, `interrupted`,
 * `handshake_lost` or `target_unreachable`; then the link has been closed.
 */
export async function startRemoteAgent(
  link: Link,
  host: string,
  start: AgentStart & { readonly bytes: Buffer },
  options: ConnectOptions,
): Promise<AgentStreams> {
  const said: string[] = [];
  try {
    const channel = await execute(link.client, bootstrapCommand(start), { host, ...options });
    channel.stderr.setEncoding('utf8');
    channel.stderr.on('data', (text: string) => {
      for (const line of text.split('\n').filter(Boolean)) {
        said.push(line);
        said.splice(0, said.length - 5);
        options.onNoise?.(line);
      }
    });
    channel.on('error', () => {});
    const ended = watchEnd(link, channel, said);
    await converse(channel, host, start, options, said);
    let isParting = false;
    // Once: an agent that is being killed is seen to its end, and what was let go ends by itself.
    const part = (how: () => void) => {
      if (!isParting) how();
      isParting = true;
    };
    const kill = () => part(() => void reap(link, host, start.token));
    const release = () => part(link.end);
    // What ended badly may leave behind what it had started.
    void ended.then(({ isClean }) => (isClean ? release() : kill()));
    const startBeside = (argv: Argv) => executeBeside(link, argv, start.token, { host, timeoutMs: options.timeoutMs });
    return {
      stdin: channel,
      stdout: channel,
      ended: ended.then(({ why }) => why),
      kill,
      release,
      execute: startBeside,
    };
  } catch (error) {
    link.destroy();
    throw error;
  }
}

interface End {
  readonly why: string;
  readonly isClean: boolean;
}

/** Resolves when the agent has ended, or cannot be heard any more. */
function watchEnd({ client }: Link, channel: ClientChannel, said: readonly string[]): Promise<End> {
  return new Promise((resolve) => {
    let end: End = { why: 'the agent ended', isClean: false };
    channel.once('exit', (exit: number | null, signal?: string) => {
      if (exit === 0) end = { ...end, isClean: true };
      else end = { why: `the agent ended with ${signal ? `signal ${signal}` : `exit status ${exit}`}`, isClean: false };
    });
    channel.once('close', () => resolve(said.length === 0 ? end : { ...end, why: `${end.why}: ${said.at(-1)}` }));
    client.once('close', () => resolve({ why: 'the connection was closed', isClean: false }));
    client.on('error', (error: Error) => resolve({ why: error.message, isClean: false }));
  });
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
    let isSent = false;
    const onLine = (line: string): boolean => {
      const parsed = parseBootstrapLine(line);
      switch (parsed?.word) {
        case undefined:
          onNoise?.(line);
          return true;
        case 'send':
          // Once, however often a host says it: it must not decide how much we send.
          if (isSent) onNoise?.(line);
          else channel.write(bytes);
          isSent = true;
          return true;
        case 'start':
          settle();
          return false;
        case 'no-node':
          settle(noNode(host, node));
          return false;
        case 'not-own':
          settle(notOwn(host, parsed?.detail ?? ''));
          return false;
        case 'not-stored': {
          // Why comes on another stream, and may come later.
          const tell = () => settle(notStored(host, parsed?.detail ?? '', said));
          channel.off('close', close);
          channel.once('close', tell);
          setTimeout(tell, lastWordsMs);
          return true;
        }
        default:
          onNoise?.(line);
          return true;
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

/** Over the same connection while it lasts; when it is gone, the agent notices that by itself. Ends the link. Never throws. */
async function reap(link: Link, host: string, token: string): Promise<void> {
  const timer = setTimeout(link.destroy, reapMs);
  link.client.once('close', () => clearTimeout(timer));
  try {
    const channel = await execute(link.client, reapCommand(token), { host, timeoutMs: reapMs });
    channel.on('error', () => {});
    channel.stderr.resume();
    channel.resume();
    channel.once('close', link.end);
  } catch {
    clearTimeout(timer);
    link.destroy();
  }
}

function noNode(host: string, node: string): ScapError {
  const what = node.includes('/') ? `"${node}" there, as "ssh.node" says` : `"${node}" in the PATH of its SSH sessions`;
  return new ScapError('node_missing', `Cannot use ${host}: there is no ${what}`, {
    hint: node.includes('/')
      ? 'Correct "ssh.node" in scap.yaml, or install Node there'
      : 'Install it there: apt-get install nodejs; or set "ssh.node" to where it lies',
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

function notOwn(host: string, directory: string): ScapError {
  return new ScapError(
    'agent_unusable',
    `Cannot use ${host}: "${directory}", where the agent is kept, is somebody else's`,
    {
      hint: 'Look there with: ls -ld; then remove it, or give it to the user that scap logs in as',
      data: { host, directory },
    },
  );
}

function notStored(host: string, directory: string, said: readonly string[]): ScapError {
  return new ScapError(
    'agent_unusable',
    `Cannot use ${host}: the agent cannot be stored in "${directory}"${said.length === 0 ? '' : `: ${said.at(-1)}`}`,
    { hint: "Is there space, and is the directory the user's own?", data: { host, directory } },
  );
}
