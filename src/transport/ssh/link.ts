import type { Socket } from 'node:net';
import type { Client, ClientChannel } from 'ssh2';

/** A connection that is logged in to, with the means to end it for good. */
export interface Link {
  readonly client: Client;
  /** Says goodbye, and closes at once what does not answer to that within two seconds. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

const goodbyeMs = 2000;

/**
 * `stream` is what `client` talks over. ssh2 alone cannot close a socket it has said goodbye on: a peer that fell silent would keep it, and this
 * process, for as long as the kernel pleases.
 */
export function createLink(client: Client, stream: Socket | ClientChannel): Link {
  const destroy = () => {
    client.destroy();
    stream.destroy();
  };
  let isEnding = false;
  return {
    client,
    destroy,
    end: () => {
      if (isEnding) return;
      isEnding = true;
      client.end();
      const timer = setTimeout(destroy, goodbyeMs);
      client.once('close', () => clearTimeout(timer));
    },
  };
}
