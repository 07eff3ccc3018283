import { startStreamed } from '../system/process.ts';
import { openConnection } from './connection.ts';
import type { Transport } from './transport.ts';

export interface LocalTransportOptions {
  /** The bundled agent, `agent.mjs`. */
  readonly agentPath: string;
}

/** Reaches targets on this machine: each has its own agent process, exactly as a remote host would. */
export function createLocalTransport({ agentPath }: LocalTransportOptions): Transport {
  return {
    connect: async (endpoint, options) => {
      // The agent keeps its memory small on a host that has other things to do.
      const argv = [
        process.execPath,
        '--max-semi-space-size=4',
        agentPath,
        'serve',
        '--cache',
        endpoint.cache,
        '--live',
        endpoint.live,
      ] as const;
      const child = await startStreamed(argv, {
        env: agentEnvironment(),
        cwd: '/',
        onStderr: (text) => {
          for (const line of text.split('\n').filter(Boolean)) options.onNoise?.(line);
        },
      });
      const ended = child.done.then(
        () => 'the agent ended',
        (error: Error) => error.message,
      );
      return openConnection(endpoint.name, { ...child, ended }, options);
    },
  };
}

/** What an agent inherits from us: as little as a login shell would give it, so that local targets behave like remote ones. */
function agentEnvironment(): Record<string, string> {
  const names = [
    'PATH',
    'HOME',
    'USER',
    'LOGNAME',
    'SUDO_USER',
    'TMPDIR',
    'MALLOC_ARENA_MAX',
    'NODE_OPTIONS',
    'NODE_V8_COVERAGE',
  ];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
