import type { Client, ClientChannel } from 'ssh2';
import { type ErrorCode, ScapError } from '../../core/errors.ts';
import { stopped } from './jump-hosts.ts';

export interface Wait {
  readonly host: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Starts a command. Throws `handshake_lost`, `target_unreachable`, `connect_timeout` or `interrupted`. */
export function execute(client: Client, command: string, { host, timeoutMs, signal }: Wait): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    let isSettled = false;
    const settle = (act: () => void) => {
      isSettled = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      client.off('close', close);
      act();
    };
    const refuse = (code: ErrorCode, why: string, cause?: unknown) =>
      settle(() => reject(new ScapError(code, `Cannot reach ${host}: ${why}`, { cause })));
    const close = () => refuse('handshake_lost', 'the connection was closed before a program was started');
    const abort = () => settle(() => reject(stopped(host)));
    const timer = setTimeout(
      () => refuse('connect_timeout', `no program was started within ${timeoutMs} ms`),
      timeoutMs,
    );
    client.once('close', close);
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) return abort();
    try {
      client.exec(command, (error, channel) => {
        if (error) refuse('target_unreachable', `it starts no program: ${error.message}`, error);
        else if (isSettled) channel.close();
        else settle(() => resolve(channel));
      });
    } catch {
      close();
    }
  });
}
