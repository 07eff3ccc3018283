import type { Server } from 'node:net';
import { isSystemError, ScapError } from '../../core/errors.ts';
import { formatPortRange, type PortRange } from '../../core/port-range.ts';

export interface ListenRange {
  /** The one IP address to listen on. */
  readonly address: string;
  readonly ports: PortRange;
}

/**
 * Has what `create` makes listen on the first port of the range that is free; returns it. Throws `relay_unavailable` when none is, or when the
 * address is not one of this host.
 */
export async function listenInRange<T extends { readonly server: Server }>(
  { address, ports }: ListenRange,
  create: (port: number) => T,
): Promise<T> {
  for (let port = ports.first; port <= ports.last; port++) {
    const created = create(port);
    try {
      await listen(created.server, address, port);
      return created;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (error.code !== 'EADDRINUSE') throw unavailable(address, port, error);
    }
  }
  const range = formatPortRange(ports);
  throw new ScapError(
    'relay_unavailable',
    `Cannot serve other hosts from ${address}: all of its ports ${range} are taken`,
    {
      hint: 'End what listens there, or give scap other ports: fanout.ports in scap.yaml',
      data: { address, ports: range },
    },
  );
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      // Out of file descriptors, for instance: that child finds another source.
      server.on('error', () => {});
      resolve();
    });
  });
}

function unavailable(address: string, port: number, cause: Error & { readonly code: string }): ScapError {
  const isForeign = cause.code === 'EADDRNOTAVAIL' || cause.code === 'ENOTFOUND';
  const why = isForeign ? 'that is no address of this host' : `the port was refused (${cause.code})`;
  return new ScapError('relay_unavailable', `Cannot serve other hosts from ${address}:${port}: ${why}`, {
    hint: isForeign
      ? 'Give the host an address that is its own: address in scap.yaml'
      : 'Give scap ports that its user may listen on: fanout.ports in scap.yaml',
    data: { address, port },
    cause,
  });
}
