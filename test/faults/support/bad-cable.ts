// A way to a host that misbehaves once so many bytes have gone to the host.
import { connect, createServer, type Server, type Socket } from 'node:net';

export type Mischief =
  /** One bit arrives as the other. */
  | 'flip'
  /** Both ends are closed. */
  | 'cut'
  /** Nothing comes through any more, in either direction, and no end of file either. */
  | 'stall';

export class BadCable {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;
  /** Tells whether it has misbehaved. */
  readonly hasStruck: () => boolean;

  private constructor(server: Server, sockets: Set<Socket>, hasStruck: () => boolean) {
    this.#server = server;
    this.#sockets = sockets;
    this.hasStruck = hasStruck;
    this.port = (server.address() as { port: number }).port;
  }

  /** The first connection that has carried `afterBytes` to the host meets the mischief; others are left alone. */
  static async lay(to: { address: string; port: number }, mischief: Mischief, afterBytes: number): Promise<BadCable> {
    const sockets = new Set<Socket>();
    let struck = false;
    const server = createServer((near) => {
      const far = connect(to.port, to.address);
      let passed = 0;
      let stalled = false;
      const close = () => {
        if (stalled) return;
        near.destroy();
        far.destroy();
      };
      for (const socket of [near, far]) {
        sockets.add(socket);
        socket.on('error', close);
        socket.on('close', close);
      }
      far.on('data', (piece) => stalled || near.write(piece));
      near.on('data', (piece) => {
        passed += piece.length;
        if (!struck && passed > afterBytes) {
          struck = true;
          if (mischief === 'stall') stalled = true;
          else if (mischief === 'cut') return close();
          else piece[piece.length - 1] = (piece.at(-1) as number) ^ 1;
        }
        if (!stalled) far.write(piece);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new BadCable(server, sockets, () => struck);
  }

  remove(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
