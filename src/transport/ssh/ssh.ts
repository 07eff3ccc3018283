/**
 * Reaches targets over SSH, with ssh2: a third of the processor time of a spawned `ssh`, and control over every step.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { ScapError } from '../../core/errors.ts';
import { checkAgentProgram, readAgentProgram } from '../agent-program.ts';
import { openConnection } from '../connection.ts';
import type { Transport } from '../transport.ts';
import { createDialer } from './dial.ts';
import { findOldNode, startRemoteAgent } from './remote-agent.ts';
import { resolveDestination } from './resolve-destination.ts';
import type { SshSettings } from './settings.ts';

export interface SshTransportOptions {
  /** The bundled agent, `agent.mjs`, which is sent to targets that do not have it. */
  readonly agentPath: string;
  readonly settings: SshSettings;
  /** Opens encrypted private keys. */
  readonly passphrase?: string | undefined;
}

/** Each connection has one agent, which lasts as long as it does. */
export function createSshTransport({ agentPath, settings, passphrase }: SshTransportOptions): Transport {
  const dialer = createDialer(settings, passphrase);
  let shipped: { readonly bytes: Buffer; readonly sha256: string } | undefined;
  const readAgent = () => {
    const bytes = readAgentProgram(agentPath);
    return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
  };
  return {
    check: () => checkAgentProgram(agentPath),
    connect: async (endpoint, options) => {
      shipped ??= readAgent();
      const { name, cache, live } = endpoint;
      const destination = await resolveDestination(endpoint, settings);
      const link = await dialer.dial(destination, options.signal);
      const start = {
        ...shipped,
        sizeBytes: shipped.bytes.length,
        node: settings.node ?? 'node',
        cache,
        live,
        token: randomBytes(12).toString('hex'),
      };
      let refusal: ScapError | undefined;
      const onNoise = (line: string) => {
        refusal ??= findOldNode(name, line);
        options.onNoise?.(line);
      };
      const streams = await startRemoteAgent(link, name, start, { ...options, onNoise });
      try {
        return await openConnection(name, streams, { ...options, onNoise });
      } catch (error) {
        throw refusal ?? error;
      }
    },
  };
}
