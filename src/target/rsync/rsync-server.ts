/**
 * A source for rsync: serves blobs that are whole, read-only, to children that hold a ticket.
 *
 * The agent listens, on one address and while there are tickets, and starts an rsync daemon for each child that comes, with the child's connection
 * as its standard input and output, as a remote shell would (rsync(1), "Using rsync-daemon features via a remote-shell connection"). So nothing
 * listens any more, and nothing runs, when the agent is gone, however it ended; all bytes pass here, where they are held to `bwlimit`; and a
 * ticket is good once. The password does not cross the network; the bytes do, in the clear.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, linkSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { isSystemError, ScapError } from '../../core/errors.ts';
import { writeFileSwiftly } from '../../system/atomic-file.ts';
import { killGroup, type StreamedProcess, startStreamed } from '../../system/process.ts';
import type { Blob } from '../relay/blob-file.ts';
import { type BlobName, shortBlobName } from '../relay/blob-name.ts';
import type { BlobServer, BlobServerPlace, GrantOptions } from '../relay/blob-server.ts';
import { createGrants } from '../relay/grants.ts';
import { listenInRange } from '../relay/listen-in-range.ts';
import { createRateLimit, type RateLimit, writeChunk } from '../relay/rate-limit.ts';
import type { RelayTicket } from '../relay/ticket.ts';
import { formatDaemonConfig, formatSecrets } from './daemon-files.ts';
import { createOpening } from './opening.ts';

export interface RsyncServerOptions extends BlobServerPlace {
  /** Where it may make a directory of its own: on the blobs' file system, and deleted when the agent was killed. */
  readonly work: string;
  /** So long a child may take until it is let in. Default 10 s. */
  readonly greetingMs?: number | undefined;
}

const defaultGreetingMs = 10_000;
/** So many may be on their way in at a time, each with a process; a source has few children at once. */
const maxStrangers = 16;
/** A child that takes nothing for so long is gone. While it compares what it has, nothing moves. */
const idleMs = 10 * 60_000;

export function createRsyncServer(options: RsyncServerOptions): BlobServer {
  return new RsyncServer(options);
}

interface Grant {
  readonly child: string;
  /** The directory that holds the blob. */
  readonly path: string;
}

interface Listening {
  readonly server: Server;
  readonly port: number;
}

class RsyncServer implements BlobServer {
  readonly #options: RsyncServerOptions;
  readonly #directory: string;
  readonly #served: string;
  readonly #limit: RateLimit;
  readonly #grants = createGrants<Grant>(() => this.#stopListening());
  readonly #peers = new Map<Socket, Promise<void>>();
  readonly #strangers = new Set<Socket>();
  #listening: Promise<Listening> | undefined;
  #isClosed = false;

  constructor(options: RsyncServerOptions) {
    this.#options = options;
    this.#limit = createRateLimit(options.bwlimit ?? 0);
    this.#directory = join(options.work, `rsync-${randomBytes(4).toString('hex')}`);
    this.#served = join(this.#directory, 'served');
  }

  /** A name of its own for the file: what uses the blob here takes the other one away. Where that cannot be had, nobody is served. */
  keep({ name, path }: Blob): void {
    try {
      mkdirSync(this.#pathOf(name), { recursive: true, mode: 0o700 });
      linkSync(path, join(this.#pathOf(name), name.sha256));
    } catch (error) {
      if (!isSystemError(error)) throw error;
    }
  }

  async grant(blob: Blob, { child, ttlMs }: GrantOptions): Promise<RelayTicket> {
    if (this.#isClosed) throw new ScapError('relay_unavailable', 'Cannot serve other hosts: rsync is closed');
    const path = this.#pathOf(blob.name);
    if (blob.verdict !== 'whole' || !existsSync(join(path, blob.name.sha256))) {
      const message = `Cannot serve blob ${shortBlobName(blob.name)} by rsync: not all of it is here`;
      throw new ScapError('relay_unavailable', message);
    }
    return this.#grants.ticket({ child, path }, ttlMs, async () => {
      this.#configure();
      const { port } = await this.#listen();
      return { address: this.#options.address, port };
    });
  }

  revoke(identity: string): void {
    this.#grants.revoke(identity);
    this.#configure();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#grants.revokeAll();
    for (const socket of this.#peers.keys()) socket.destroy();
    await Promise.all(this.#peers.values());
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #pathOf({ sha256 }: BlobName): string {
    return join(this.#served, sha256);
  }

  /** So that daemons that begin now know the tickets that are good now. */
  #configure(): void {
    if (this.#isClosed || !existsSync(this.#directory)) return;
    const tickets = this.#grants.list();
    const modules = tickets.map(({ identity, value: { path } }) => ({ identity, path }));
    const { uid, gid } = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const secrets = join(this.#directory, 'secrets');
    // A daemon that begins meanwhile must not read half of them.
    writeFileSwiftly(secrets, formatSecrets(tickets), 0o600);
    writeFileSwiftly(this.#configPath, formatDaemonConfig({ modules, secrets, uid, gid }), 0o600);
  }

  get #configPath(): string {
    return join(this.#directory, 'rsyncd.conf');
  }

  #listen(): Promise<Listening> {
    this.#listening ??= listenInRange(this.#options, (port) => {
      const server = createServer((socket) => {
        const serving = this.#serve(socket).finally(() => this.#peers.delete(socket));
        this.#peers.set(socket, serving);
      });
      return { server, port };
    });
    return this.#listening;
  }

  #stopListening(): void {
    // What failed to open is told to those who asked for it. Those who were let in stay.
    this.#listening?.then(({ server }) => server.close()).catch(() => {});
    this.#listening = undefined;
    for (const stranger of this.#strangers) stranger.destroy();
  }

  /** One child, to its end. Never throws: a child that is not served finds another source. */
  async #serve(socket: Socket): Promise<void> {
    socket.on('error', () => {});
    socket.setTimeout(idleMs, () => socket.destroy());
    if (this.#strangers.size >= maxStrangers) return void socket.destroy();
    this.#strangers.add(socket);
    const late = setTimeout(() => socket.destroy(), this.#options.greetingMs ?? defaultGreetingMs);
    const gone = new AbortController();
    const closed = new Promise<void>((resolve) => socket.once('close', resolve));
    void closed.then(() => gone.abort());
    let daemon: StreamedProcess | undefined;
    try {
      // Who says nothing gets no process. It is there to be read again.
      await once(socket, 'readable', { signal: gone.signal });
      const argv = ['rsync', '--server', '--daemon', `--config=${this.#configPath}`, '.'] as const;
      daemon = await startStreamed(argv);
      const letIn = (identity: string) => {
        clearTimeout(late);
        this.#strangers.delete(socket);
        const isGood = this.#grants.redeem(identity) !== undefined;
        if (isGood) this.#configure();
        return isGood;
      };
      const conversation = converse(socket, daemon, { letIn, limit: this.#limit, signal: gone.signal });
      await Promise.race([conversation, closed]);
    } catch {
      // It went.
    } finally {
      clearTimeout(late);
      this.#strangers.delete(socket);
      socket.destroy();
      await closed;
      if (daemon !== undefined) await end(daemon);
    }
  }
}

interface Conversation {
  /** Whether the client of that identity may go on, now that the daemon thinks so. */
  letIn(identity: string): boolean;
  readonly limit: RateLimit;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

/** Carries what both say from one to the other until the daemon is done, or the client is not let in. Rejects when the client goes. */
async function converse(
  client: Socket,
  daemon: StreamedProcess,
  { letIn, limit, signal }: Conversation,
): Promise<void> {
  const opening = createOpening();
  client.on('data', (chunk: Buffer) => opening.hear(chunk));
  client.pipe(daemon.stdin);
  let isIn = false;
  for await (const chunk of daemon.stdout as AsyncIterable<Buffer>) {
    const identity: string | undefined = isIn ? undefined : opening.answer(chunk);
    if (identity !== undefined && !letIn(identity)) return;
    isIn ||= identity !== undefined;
    await writeChunk(limit, chunk, client, signal);
  }
  client.end();
  await once(client, 'finish', { signal });
}

/** At once: it only reads. */
async function end({ pid, stdout, done }: StreamedProcess): Promise<void> {
  killGroup(pid, 'SIGKILL');
  stdout.destroy();
  await done.catch(() => {});
}
