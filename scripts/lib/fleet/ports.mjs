import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { FleetError } from './fleet-error.mjs';

// Below what the kernel hands out to clients, so that no connection takes the port between the look and its use.
const firstPort = 20_000;
const portCount = 12_000;
const attempts = 50;
const retryMs = 20;

/**
 * Finds a port that is free on every address.
 *
 * @param {readonly string[]} addresses
 */
export async function findFreePort(addresses) {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = firstPort + Math.floor(Math.random() * portCount);
    const free = await Promise.all(addresses.map((address) => canListen(address, port)));
    if (free.every(Boolean)) return port;
  }
  throw new FleetError('Cannot find a free port', 'End what listens on this machine: ss -ltn');
}

/** @param {string} address @param {number} port @returns {Promise<boolean>} */
function canListen(address, port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, address, () => server.close(() => resolve(true)));
  });
}

/**
 * Waits until a server greets: one for SSH, unless another greeting is given.
 *
 * @param {{ address: string, port: number, timeoutMs: number, isAlive: () => boolean, greeting?: string }} server
 * @returns {Promise<boolean>} false when it did not in time, or is no longer alive
 */
export async function awaitBanner({ address, port, timeoutMs, isAlive, greeting }) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (await greets({ address, port, timeoutMs: Math.max(1, deadline - Date.now()), greeting })) return true;
    if (!isAlive() || Date.now() >= deadline) return false;
    await sleep(retryMs);
  }
}

/**
 * Tells whether a server answers at an address within a time, and with what it begins.
 *
 * @param {{ address: string, port: number, timeoutMs: number, greeting?: string | undefined }} server
 * @returns {Promise<boolean>}
 */
export function greets({ address, port, timeoutMs, greeting = 'SSH-' }) {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const finish = (/** @type {boolean} */ answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => finish(false));
    socket.on('error', () => finish(false));
    socket.on('end', () => finish(false));
    socket.on('data', (data) => finish(data.toString('latin1').startsWith(greeting)));
  });
}
