/**
 * The agent: a target session behind the protocol of `transport/protocol`, for as long as standard input stays open.
 *
 * Requests are carried out one after the other; those of the relay at once. When standard input ends, or nothing came in for as long as the deploy host promised (see
 * `lease`), the deploy host is gone or done: what runs is asked to stop at its next safe point, a promotion that was to be confirmed and was
 * not is taken back (see `unconfirmed`), the lock is freed, what was thrown away is deleted, and the process ends.
 */
import type { Readable, Writable } from 'node:stream';
import { toErrorReport } from '../core/errors.ts';
import { timeNow } from '../transport/clock-relation.ts';
import {
  createFrameParser,
  encodeMessage,
  type FromAgent,
  parseToAgent,
  protocolVersion,
  type Request,
} from '../transport/protocol.ts';
import type { PayloadReceiver } from './bundle-receiver.ts';
import { createLease, type Lease } from './lease.ts';
import { isRelayVerb } from './relay/relay-verbs.ts';
import type { TargetSession } from './session.ts';

export interface AgentIo {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly versions: Readonly<Record<string, string>>;
  readonly limits?: Partial<AgentLimits> | undefined;
}

/** How long an agent that nobody listens to may take. */
export interface AgentLimits {
  /** For what runs to reach its safe point, and again for going back. A program that hangs on a dead disk never does, and would hold the target's lock for ever. */
  readonly drainMs: number;
  /** For preparing the next run and for deleting. Large trees on slow disks take minutes; whatever is left, the next run sweeps. */
  readonly endMs: number;
}

const defaultLimits: AgentLimits = { drainMs: 60_000, endMs: 30 * 60_000 };

/**
 * Serves until the deploy host is gone or done. Returns `done`, or `stuck` when something still ran past its limit: then the caller must
 * end the process, which frees the lock and ends what hangs.
 *
 * Never throws for a request; throws `protocol_violation` when the deploy host makes no sense.
 */
export async function serveAgent(
  session: TargetSession,
  { stdin, stdout, versions, limits }: AgentIo,
): Promise<'done' | 'stuck'> {
  const { drainMs, endMs } = { ...defaultLimits, ...limits };
  let silenced = false;
  let lease: Lease | undefined;
  // Nobody listens any more; standard input will end too.
  stdout.on('error', () => {});
  const send = (message: FromAgent) => void (silenced || stdout.write(encodeMessage(message)));
  const running = new Map<number, AbortController>();
  let queue: Promise<void> = Promise.resolve();
  const aside = new Set<Promise<void>>();
  let payload:
    | { readonly request: Request; readonly receiver: PayloadReceiver | undefined; readonly refusal: unknown }
    | undefined;

  const carryOut = async (request: Request, work: (signal: AbortSignal) => Promise<unknown>) => {
    const controller = running.get(request.id) ?? new AbortController();
    try {
      const value = (await work(controller.signal)) ?? null;
      send({ type: 'reply', id: request.id, ok: true, at: timeNow(), value });
    } catch (error) {
      send({ type: 'reply', id: request.id, ok: false, at: timeNow(), error: toErrorReport(error) });
    } finally {
      running.delete(request.id);
    }
  };
  const enqueue = (request: Request, work: (signal: AbortSignal) => Promise<unknown>) => {
    running.set(request.id, new AbortController());
    if (!isRelayVerb(request.verb)) {
      queue = queue.then(() => carryOut(request, work));
      return;
    }
    const relayed = carryOut(request, work).finally(() => aside.delete(relayed));
    aside.add(relayed);
  };
  const onRequest = (request: Request) => {
    const params = (request.params ?? {}) as Record<string, unknown>;
    if (request.verb === 'receive' || request.verb === 'blob-give') {
      payload = { request, ...startReceiving(session, request.verb, params) };
      if (!request.payloadBytes) finishPayload();
      return;
    }
    const notify = (notice: Extract<FromAgent, { type: 'notice' }>['notice']) =>
      send({ type: 'notice', id: request.id, notice });
    enqueue(request, (signal) => session.call(request.verb, { params, signal, notify }));
  };
  const finishPayload = () => {
    const done = payload;
    payload = undefined;
    if (done === undefined) return;
    enqueue(done.request, async () => {
      if (done.receiver === undefined) throw done.refusal;
      return done.receiver.finish();
    });
  };
  const parser = createFrameParser(
    {
      onLine: (line) => {
        const message = parseToAgent(line);
        if (message.type === 'ping') lease?.promise(message.leaseMs);
        else if (message.type === 'cancel') running.get(message.id)?.abort();
        else onRequest(message);
      },
      onPayload: (piece, last) => {
        payload?.receiver?.push(piece);
        if (last) finishPayload();
      },
    },
    () => payload?.request.payloadBytes ?? 0,
  );

  send({ type: 'hello', protocol: protocolVersion, pid: process.pid, versions });
  let violation: unknown;
  await new Promise<void>((leave) => {
    for (const event of ['end', 'close', 'error']) stdin.once(event, leave);
    lease = createLease(() => {
      // A pipe that nobody empties must not hold up what is left to do.
      silenced = true;
      leave();
    });
    stdin.on('data', (chunk: Buffer) => {
      lease?.heard();
      try {
        if (violation === undefined) parser.push(chunk);
      } catch (error) {
        violation = error;
        leave();
      }
    });
  });
  lease?.end();
  stdin.destroy();
  payload?.receiver?.abandon();
  for (const controller of running.values()) controller.abort();
  const isDrained = await settlesWithin(Promise.all([queue, ...aside]), drainMs);
  const isBack = await settlesWithin(session.takeBack(), drainMs);
  if (!isDrained || !isBack || !(await settlesWithin(session.end(), endMs))) return 'stuck';
  if (violation !== undefined) throw violation;
  return 'done';
}

async function settlesWithin(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, limitMs, false);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

function startReceiving(session: TargetSession, verb: string, params: Record<string, unknown>) {
  try {
    return { receiver: session.receive(verb, params), refusal: undefined };
  } catch (refusal) {
    return { receiver: undefined, refusal };
  }
}
