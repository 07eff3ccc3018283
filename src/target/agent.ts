/**
 * The agent: a target session behind the protocol of `transport/protocol`, for as long as standard input stays open.
 *
 * Requests are carried out one after the other. When standard input ends the deploy host is gone or done: what runs is asked to stop at its
 * next safe point, the lock is freed, what was thrown away is deleted, and the process ends.
 */
import type { Readable, Writable } from 'node:stream';
import { toErrorReport } from '../core/errors.ts';
import {
  createFrameParser,
  encodeMessage,
  type FromAgent,
  parseToAgent,
  protocolVersion,
  type Request,
} from '../transport/protocol.ts';
import type { BundleReceiver } from './bundle-receiver.ts';
import type { TargetSession } from './session.ts';

export interface AgentIo {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly versions: Readonly<Record<string, string>>;
}

/** Serves until `stdin` ends. Never throws for a request; throws `protocol_violation` when the deploy host makes no sense. */
export async function serveAgent(session: TargetSession, { stdin, stdout, versions }: AgentIo): Promise<void> {
  // Nobody listens any more; standard input will end too.
  stdout.on('error', () => {});
  const send = (message: FromAgent) => void stdout.write(encodeMessage(message));
  const running = new Map<number, AbortController>();
  let queue: Promise<void> = Promise.resolve();
  let payload:
    | { readonly request: Request; readonly receiver: BundleReceiver | undefined; readonly refusal: unknown }
    | undefined;

  const carryOut = async (request: Request, work: (signal: AbortSignal) => Promise<unknown>) => {
    const controller = running.get(request.id) ?? new AbortController();
    try {
      send({ type: 'reply', id: request.id, ok: true, value: (await work(controller.signal)) ?? null });
    } catch (error) {
      send({ type: 'reply', id: request.id, ok: false, error: toErrorReport(error) });
    } finally {
      running.delete(request.id);
    }
  };
  const enqueue = (request: Request, work: (signal: AbortSignal) => Promise<unknown>) => {
    running.set(request.id, new AbortController());
    queue = queue.then(() => carryOut(request, work));
  };
  const onRequest = (request: Request) => {
    const params = (request.params ?? {}) as Record<string, unknown>;
    if (request.verb === 'receive') {
      payload = { request, ...startReceiving(session, params) };
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
      done.receiver.finish();
    });
  };
  const parser = createFrameParser(
    {
      onLine: (line) => {
        const message = parseToAgent(line);
        if (message.type === 'cancel') running.get(message.id)?.abort();
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
  try {
    for await (const chunk of stdin) parser.push(chunk as Buffer);
  } finally {
    payload?.receiver?.abandon();
    for (const controller of running.values()) controller.abort();
    await queue;
    await session.end();
  }
}

function startReceiving(session: TargetSession, params: Record<string, unknown>) {
  try {
    return { receiver: session.receive(params), refusal: undefined };
  } catch (refusal) {
    return { receiver: undefined, refusal };
  }
}
