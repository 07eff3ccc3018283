import { randomBytes } from 'node:crypto';
import { agentMarkName, killMarked } from '../system/marked-processes.ts';
import { type Argv, killGroup, startStreamed } from '../system/process.ts';
import { checkAgentProgram } from './agent-program.ts';
import type { BesideProgram } from './agent-streams.ts';
import { openConnection } from './connection.ts';
import type { Transport } from './transport.ts';

export interface LocalTransportOptions {
  /** The bundled agent, `agent.mjs`. */
  readonly agentPath: string;
}

/** Reaches targets on this machine: each has its own agent process, exactly as a remote host would. */
export function createLocalTransport({ agentPath }: LocalTransportOptions): Transport {
  return {
    check: () => checkAgentProgram(agentPath),
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
      const token = randomBytes(16).toString('hex');
      reapOnExit();
      liveTokens.add(token);
      const child = await startStreamed(argv, {
        env: { ...agentEnvironment(), [agentMarkName]: token },
        cwd: '/',
        onStderr: (text) => {
          for (const line of text.split('\n').filter(Boolean)) options.onNoise?.(line);
        },
      });
      const ended = child.done.then(
        () => 'the agent ended',
        (error: Error) => {
          // Killed, it could not end what it had started.
          killMarked(token);
          return error.message;
        },
      );
      let reaper: NodeJS.Timeout | undefined;
      const release = () => {
        // An agent that is being killed is seen to its end.
        if (reaper !== undefined) return;
        liveTokens.delete(token);
        child.release();
      };
      const kill = () => {
        reaper ??= setTimeout(() => {
          killMarked(token);
          child.release();
        }, reapAfterMs);
        child.kill();
      };
      void ended.then(() => {
        clearTimeout(reaper);
        liveTokens.delete(token);
      });
      const execute = (argv: Argv) => startBeside(argv, token);
      return openConnection(endpoint.name, { ...child, kill, release, ended, execute }, options);
    },
  };
}

async function startBeside(argv: Argv, token: string): Promise<BesideProgram> {
  const env = { ...agentEnvironment(), [agentMarkName]: token };
  const { pid, stdin, stdout, done } = await startStreamed(argv, { env, cwd: '/' });
  // How it ended, the two programs tell each other.
  return { stdin, stdout, ended: done.catch(() => {}), kill: () => killGroup(pid, 'SIGKILL') };
}

/** Past the KILL that `system/process` sends two seconds after its TERM; an agent stuck in the kernel is then left to it. */
const reapAfterMs = 3000;

/** Marks of agents that must not outlive this process. */
const liveTokens = new Set<string>();

/** A second Ctrl-C ends this process at once; `system/process` ends the agents then, this what they have started. */
function reapOnExit(): void {
  if (!process.listeners('exit').includes(killLive)) process.on('exit', killLive);
}

function killLive(): void {
  if (liveTokens.size > 0) killMarked(...liveTokens);
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
