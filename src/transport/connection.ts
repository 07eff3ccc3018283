/**
 * A connection to the agent on one target, and the protocol over any pair of byte streams. Every transport yields the same.
 */
import { fromErrorReport, ScapError } from '../core/errors.ts';
import type { Argv } from '../system/process.ts';
import type { AgentStreams, BesideProgram } from './agent-streams.ts';
import { type ClockOffset, ClockRelation, timeNow } from './clock-relation.ts';
import { type Payload, writePayload } from './payload.ts';
import {
  type AgentNotice,
  createFrameParser,
  encodeMessage,
  type FromAgent,
  type Hello,
  parseFromAgent,
  protocolVersion,
} from './protocol.ts';

export interface RequestOptions {
  /** Aborting asks the agent to stop at its next safe point and waits for its answer. */
  readonly signal?: AbortSignal | undefined;
  /** When there is no answer by then, the connection is given up: `request_timeout`. */
  readonly timeoutMs: number;
  readonly payload?: Payload | undefined;
  /** What is asked for, in the operator's words; told when there is no answer. Default: the verb. */
  readonly title?: string | undefined;
  readonly onNotice?: ((notice: AgentNotice) => void) | undefined;
}

/** One agent process on one host, for the whole run. */
export interface Connection {
  readonly hello: Hello;
  /** Whether requests can still be made. */
  readonly usable: boolean;
  /** The agent's clock; every reply makes it better known. */
  readonly clock: ClockOffset;
  /**
   * Sends a request and returns the value of its reply.
   *
   * Throws the error the target reports, `request_timeout`, or `connection_lost`. After one of the latter two nothing is known about what
   * the target did, and the connection is unusable.
   */
  request(verb: string, params: unknown, options: RequestOptions): Promise<unknown>;
  /**
   * Starts another program on the target, beside the agent. Throws `connection_lost`, or what kept it from being started.
   */
  execute(argv: Argv): Promise<BesideProgram>;
  /** Tells the agent that nothing more comes and lets it go. It may still be deleting what it has thrown away. */
  close(): Promise<void>;
}

/** How often a deploy host is heard. Often enough for several to be lost within a lease, seldom enough to cost nothing on a thousand hosts. */
const defaultPingEveryMs = 10_000;

/**
 * How long an agent goes on without hearing anything. A network that drops packets for half a minute, or a deploy host that swaps, should not
 * end a run; and nobody should wait for hours for a target whose deploy host lost its power: such a host never closes its connections. It is
 * shorter than a new agent waits for the target's lock: a host whose connection died silently can be rolled back over another.
 */
const defaultLeaseMs = 40_000;

export interface ConnectOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Lines of the target's output that are no messages. */
  readonly onNoise?: ((line: string) => void) | undefined;
  /** How often the agent is told that we are there. Default 10 s. */
  readonly pingEveryMs?: number | undefined;
  /** After how long a silence the agent may take us for gone. Default 40 s. */
  readonly leaseMs?: number | undefined;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onNotice: RequestOptions['onNotice'];
  notes: number;
  readonly sentAt: number;
}

/** So many notes on one request are passed on. They go to the log of the run: a target must not be able to fill the disk with them. */
const maxNotes = 1000;

/** Waits for the agent's hello and returns the connection. Kills the agent when it does not come or is of another protocol. */
export async function openConnection(
  host: string,
  streams: AgentStreams,
  options: ConnectOptions,
): Promise<Connection> {
  const connection = new StreamConnection(host, streams, options);
  const timer = setTimeout(
    () => connection.fail(unreachable(host, `no answer after ${options.timeoutMs} ms`)),
    options.timeoutMs,
  );
  const abort = () => connection.fail(new ScapError('interrupted', `Stopped connecting to ${host} on request`));
  options.signal?.addEventListener('abort', abort, { once: true });
  if (options.signal?.aborted) abort();
  try {
    await connection.greeted;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
  return connection;
}

class StreamConnection implements Connection {
  readonly greeted: Promise<void>;
  readonly #host: string;
  readonly #streams: AgentStreams;
  readonly #waiting = new Map<number, Waiting>();
  readonly #pingEveryMs: number;
  readonly #leaseMs: number;
  readonly clock = new ClockRelation();
  #pinging: NodeJS.Timeout | undefined;
  /** A payload is a sign of life of its own, and no place for a ping. */
  #sendsPayload = false;
  #hello: Hello | undefined;
  #failure: ScapError | undefined;
  #nextId = 1;
  /** What is being written: a line that landed inside a payload would be taken for a part of it. */
  #writing: Promise<void> = Promise.resolve();
  #greet: () => void = () => {};
  #refuse: (error: unknown) => void = () => {};

  constructor(host: string, streams: AgentStreams, { onNoise, pingEveryMs, leaseMs }: ConnectOptions) {
    this.#host = host;
    this.#pingEveryMs = pingEveryMs ?? defaultPingEveryMs;
    this.#leaseMs = leaseMs ?? defaultLeaseMs;
    this.#streams = streams;
    this.greeted = new Promise((resolve, reject) => {
      this.#greet = resolve;
      this.#refuse = reject;
    });
    const parser = createFrameParser({ onLine: (line) => this.#receive(line, onNoise), onPayload: () => {} }, () => 0);
    streams.stdout.on('data', (chunk: Buffer) => this.#guard(() => parser.push(chunk)));
    streams.stdout.on('error', () => {});
    // A transport that has read the first lines itself has paused it.
    streams.stdout.resume();
    void streams.ended.then((why) => this.fail(this.#lost(why)));
  }

  get hello(): Hello {
    if (this.#hello === undefined) throw new Error('the agent has not said hello');
    return this.#hello;
  }

  get usable(): boolean {
    return this.#failure === undefined;
  }

  async request(verb: string, params: unknown, options: RequestOptions): Promise<unknown> {
    if (this.#failure) throw this.#failure;
    const id = this.#nextId++;
    const reply = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onNotice: options.onNotice, notes: 0, sentAt: timeNow() });
    });
    const timer = setTimeout(() => this.fail(this.#late(options.title ?? verb, options.timeoutMs)), options.timeoutMs);
    const cancel = () => void this.#enqueue(async () => this.#send(encodeMessage({ type: 'cancel', id })));
    options.signal?.addEventListener('abort', cancel, { once: true });
    try {
      const sent = this.#enqueue(() => this.#transmit(id, verb, params, options.payload));
      if (options.signal?.aborted) cancel();
      await Promise.race([reply, sent]);
      return await reply;
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', cancel);
    }
  }

  async execute(argv: Argv): Promise<BesideProgram> {
    if (this.#failure) throw this.#failure;
    return this.#streams.execute(argv);
  }

  async close(): Promise<void> {
    this.#failure ??= this.#lost('it was closed');
    clearInterval(this.#pinging);
    this.#streams.stdin.end();
    this.#streams.release();
    this.#rejectAll(this.#failure);
  }

  /** Gives the connection up: every request that waits is told `error`. */
  fail(error: ScapError): void {
    if (this.#failure === undefined) this.#streams.kill();
    this.#failure ??= error;
    clearInterval(this.#pinging);
    this.#refuse(this.#failure);
    this.#rejectAll(this.#failure);
  }

  #rejectAll(error: ScapError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #enqueue(write: () => Promise<void>): Promise<void> {
    this.#writing = this.#writing.then(write);
    return this.#writing;
  }

  async #transmit(id: number, verb: string, params: unknown, payload: Payload | undefined): Promise<void> {
    const payloadBytes = payload?.sizeBytes ?? 0;
    this.#send(encodeMessage({ type: 'request', id, verb, params, ...(payloadBytes > 0 && { payloadBytes }) }));
    if (payload === undefined || payloadBytes === 0 || this.#failure !== undefined) return;
    this.#sendsPayload = true;
    try {
      await writePayload(payload, this.#streams.stdin);
    } catch (cause) {
      // Half a payload cannot be taken back: whatever is written next would be read as its rest.
      this.fail(this.#lost(`the transfer broke off: ${(cause as Error).message}`, cause));
    } finally {
      this.#sendsPayload = false;
    }
  }

  #send(text: string): void {
    if (this.#failure === undefined) this.#streams.stdin.write(text);
  }

  #receive(line: string, onNoise: ConnectOptions['onNoise']): void {
    const message = parseFromAgent(line);
    if (message === undefined) onNoise?.(line);
    else if (message.type === 'hello') this.#welcome(message);
    else this.#deliver(message);
  }

  #welcome(hello: Hello): void {
    if (hello.protocol !== protocolVersion) {
      const wanted = `speaks protocol ${hello.protocol}, this scap speaks ${protocolVersion}`;
      this.fail(new ScapError('protocol_violation', `Cannot talk to ${this.#host}: its agent ${wanted}`));
    }
    if (this.#hello === undefined && this.#failure === undefined) this.#startPinging();
    this.#hello ??= hello;
    this.#greet();
  }

  #startPinging(): void {
    const ping = encodeMessage({ type: 'ping', leaseMs: this.#leaseMs });
    const send = () => {
      if (!this.#sendsPayload) void this.#enqueue(async () => this.#send(ping));
    };
    send();
    this.#pinging = setInterval(send, this.#pingEveryMs).unref();
  }

  #deliver(message: Exclude<FromAgent, Hello>): void {
    const waiting = this.#waiting.get(message.id);
    if (message.type === 'notice') {
      if (waiting !== undefined && (message.notice.kind !== 'note' || ++waiting.notes <= maxNotes))
        waiting.onNotice?.(message.notice);
      return;
    }
    this.#waiting.delete(message.id);
    if (waiting) this.clock.note({ sentAt: waiting.sentAt, at: message.at, receivedAt: timeNow() });
    if (message.ok) waiting?.resolve(message.value);
    else waiting?.reject(fromErrorReport(message.error));
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error instanceof ScapError ? error : this.#lost(String(error), error));
    }
  }

  #late(title: string, timeoutMs: number): ScapError {
    return new ScapError(
      'request_timeout',
      `Cannot finish "${title}" on ${this.#host}: no answer after ${timeoutMs} ms`,
      { hint: 'Look at the host; when it answers again, bring it up with: scap push' },
    );
  }

  #lost(why: string, cause?: unknown): ScapError {
    if (this.#hello === undefined) return unreachable(this.#host, why);
    return new ScapError('connection_lost', `Lost the connection to ${this.#host}: ${why}`, {
      hint: 'Nothing is known of what it did last; scap status tells, scap push repairs',
      cause,
    });
  }
}

function unreachable(host: string, why: string): ScapError {
  return new ScapError('target_unreachable', `Cannot reach ${host}: ${why}`, {
    hint: 'Bring the host back, then run scap push again: it catches up',
  });
}
