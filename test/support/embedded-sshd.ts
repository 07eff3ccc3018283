/**
 * An SSH server in this process, for what a real one cannot be made to do. It lets everybody in and runs commands here, in a shell.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import ssh2, { type AuthContext, type ExecInfo, type ServerChannel, type Session } from 'ssh2';

export interface EmbeddedSshdOptions {
  /** Holds keys, known hosts, and the cache of agents; exists. */
  readonly directory: string;
  /** May do as it likes with a fresh socket, the first of which is 1; true: it has, and SSH is not spoken there. */
  readonly onSocket?: (socket: Socket, count: number) => boolean;
  /** Default: lets in. */
  readonly onAuthentication?: (context: AuthContext) => void;
  /** Default: accepts. */
  readonly onSession?: (accept: () => Session, reject: () => void) => Session | undefined;
  /** Default: runs it. */
  readonly onExec?: (accept: () => ServerChannel, reject: () => void, info: ExecInfo) => void;
  /** A jump host's work. Default: connects. */
  readonly onForward?: (accept: () => ServerChannel, reject: () => void, to: ForwardTarget) => void;
}

export interface ForwardTarget {
  readonly destIP: string;
  readonly destPort: number;
}

export interface EmbeddedSshd {
  readonly port: number;
  readonly knownHosts: string;
  readonly identityFile: string;
  /** Of sockets that are open, in the order they came. */
  readonly sockets: ReadonlySet<Socket>;
  /** How many connections there have been. */
  readonly connectionCount: number;
  /** How many were ever being set up at once. */
  readonly mostStarts: number;
  /** Runs a command for a channel, as sshd would. */
  run(channel: ServerChannel, command: string): void;
  stop(): Promise<void>;
}

export async function startEmbeddedSshd(options: EmbeddedSshdOptions): Promise<EmbeddedSshd> {
  const { directory, onSocket = () => false } = options;
  const { onAuthentication = (context) => (context.method === 'publickey' ? context.accept() : context.reject()) } =
    options;
  mkdirSync(join(directory, 'home'), { recursive: true });
  const hostKey = generateKeyPair();
  const clientKey = generateKeyPair();
  const sockets = new Set<Socket>();
  const children = new Set<ChildProcess>();
  let connectionCount = 0;
  let starts = 0;
  let mostStarts = 0;

  const run = (channel: ServerChannel, command: string) => {
    const env = { PATH: process.env.PATH ?? '', HOME: join(directory, 'home') };
    const child = spawn('/bin/sh', ['-c', command], { env, cwd: '/', stdio: 'pipe', detached: true });
    children.add(child);
    child.stdin.on('error', () => {});
    channel.on('error', () => {});
    channel.pipe(child.stdin);
    child.stdout.pipe(channel, { end: false });
    child.stderr.pipe(channel.stderr, { end: false });
    channel.once('close', () => child.stdin.end());
    child.once('close', (code, signal) => {
      children.delete(child);
      if (code === null) channel.exit(signal?.replace('SIG', '') ?? 'KILL');
      else channel.exit(code);
      channel.end();
    });
  };

  const server = new ssh2.Server({ hostKeys: [hostKey.private] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (context) => onAuthentication(context));
    client.once('ready', () => starts--);
    client.on('session', (accept, reject) => {
      const session = options.onSession === undefined ? accept() : options.onSession(accept, reject);
      session?.on('exec', (acceptExec, rejectExec, info) => {
        if (options.onExec !== undefined) options.onExec(acceptExec, rejectExec, info);
        else run(acceptExec(), info.command);
      });
    });
    client.on('tcpip', (accept, reject, to) => {
      if (options.onForward !== undefined) return options.onForward(accept, reject, to);
      const channel = accept();
      const onward = connect(to.destPort, to.destIP);
      onward.on('error', () => channel.end());
      channel.on('error', () => {});
      channel.on('close', () => onward.destroy());
      channel.pipe(onward).pipe(channel);
    });
  });
  // Half-open: what the other side does not close stays visible.
  const front = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    socket.once('end', () => setTimeout(() => socket.end(), 50));
    connectionCount++;
    mostStarts = Math.max(mostStarts, ++starts);
    if (!onSocket(socket, connectionCount)) {
      server.injectSocket(socket);
      return;
    }
    starts--;
    // One that is not read never tells that it was closed.
    socket.resume();
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  const { port } = front.address() as AddressInfo;

  const knownHosts = join(directory, 'known_hosts');
  const identityFile = join(directory, 'id_ed25519');
  writeFileSync(knownHosts, `[127.0.0.1]:${port} ${hostKey.public}\n`);
  writeFileSync(identityFile, clientKey.private, { mode: 0o600 });
  return {
    port,
    knownHosts,
    identityFile,
    sockets,
    get connectionCount() {
      return connectionCount;
    },
    get mostStarts() {
      return mostStarts;
    },
    run,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      for (const child of children) if (child.pid !== undefined) killGroup(child.pid);
      await new Promise((resolve) => front.close(resolve));
    },
  };
}

/** One of 500 key pairs that ssh2 1.17 generates is malformed by its own judgement (measured). */
function generateKeyPair(): { readonly public: string; readonly private: string } {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    const parsed = [ssh2.utils.parseKey(pair.private), ssh2.utils.parseKey(pair.public)];
    if (!parsed.some((key) => key instanceof Error)) return pair;
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
