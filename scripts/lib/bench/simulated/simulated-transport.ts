import { once } from 'node:events';
import { createConnection } from 'node:net';
import { ScapError } from '../../../../src/core/errors.ts';
import { openConnection } from '../../../../src/transport/connection.ts';
import type { Transport } from '../../../../src/transport/transport.ts';
import { simulatorOf, socketName } from './socket-name.ts';

/** Reaches simulated hosts, each over a socket of its own to the simulator it belongs to; the sockets lie in the current directory. */
export function createSimulatedTransport(simulators: number): Transport {
  return {
    connect: async (endpoint, options) => {
      const socket = createConnection(socketName(simulatorOf(endpoint.name, simulators)));
      try {
        await once(socket, 'connect');
      } catch (cause) {
        throw new ScapError('target_unreachable', `Cannot reach ${endpoint.name}: ${(cause as Error).message}`, {
          cause,
        });
      }
      socket.on('error', () => {});
      socket.write(`${endpoint.name}\n`);
      const ended = new Promise<string>((resolve) => {
        socket.once('close', () => resolve('the simulator closed the connection'));
      });
      const streams = {
        stdin: socket,
        stdout: socket,
        ended,
        kill: () => void socket.destroy(),
        release: () => void socket.unref(),
        execute: () => Promise.reject(new Error('A simulated host runs no programs')),
      };
      return openConnection(endpoint.name, streams, options);
    },
  };
}
