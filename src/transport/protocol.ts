/**
 * What deploy host and target say to each other: JSON lines, one message a line.
 *
 * A request may announce a payload; then exactly that many raw bytes follow its line. That is the only thing that is not a line, and it
 * flows only towards the target.
 */
import { type ErrorReport, ScapError } from '../core/errors.ts';

/** Raised whenever a message changes its meaning; both sides must agree. */
export const protocolVersion = 1;

/** The agent's first line. Whatever a login shell printed before it is noise. */
export interface Hello {
  readonly type: 'hello';
  readonly protocol: number;
  readonly pid: number;
  /** Versions of what the target brings, `node` and `git` among them; a missing program is missing here. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface Request {
  readonly type: 'request';
  readonly id: number;
  readonly verb: string;
  readonly params: unknown;
  /** How many raw bytes follow this line. */
  readonly payloadBytes?: number;
}

/** Asks a running request to stop at its next safe point; its result still comes. */
export interface Cancel {
  readonly type: 'cancel';
  readonly id: number;
}

/** Something on the way to a result. */
export interface Notice {
  readonly type: 'notice';
  readonly id: number;
  readonly notice: AgentNotice;
}

export type AgentNotice =
  | {
      readonly kind: 'progress';
      readonly step: string;
      readonly unit: 'files' | 'bytes';
      readonly done: number;
      readonly total: number;
    }
  | { readonly kind: 'note'; readonly code: string; readonly message: string };

export type Reply = {
  readonly type: 'reply';
  readonly id: number;
  /** When it was written, by the agent's clock; milliseconds since 1970, with fractions. */
  readonly at: number;
} & ({ readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: ErrorReport });

/** Tells the agent that the deploy host is there, and within how many milliseconds something will be heard of it again. No reply. */
export interface Ping {
  readonly type: 'ping';
  readonly leaseMs: number;
}

export type ToAgent = Request | Cancel | Ping;
export type FromAgent = Hello | Notice | Reply;

export function encodeMessage(message: ToAgent | FromAgent): string {
  return `${JSON.stringify(message)}\n`;
}

/** Lines longer than this are no message of ours. */
const maxLineBytes = 4 * 1024 * 1024;

export interface FrameSink {
  onLine(line: string): void;
  /** A piece of a payload; `last` marks the end. Called only after a line for which `payloadOf` said so. */
  onPayload(piece: Buffer, last: boolean): void;
}

/**
 * Cuts a byte stream into lines and payloads. After each line `payloadOf` is asked how many raw bytes follow it.
 * Pieces may be cut anywhere. Throws `protocol_violation` for an endless line.
 */
export function createFrameParser(sink: FrameSink, payloadOf: () => number): { push(chunk: Buffer): void } {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let payloadLeft = 0;

  const takePayload = (chunk: Buffer, from: number): number => {
    const piece = chunk.subarray(from, from + payloadLeft);
    payloadLeft -= piece.length;
    sink.onPayload(piece, payloadLeft === 0);
    return from + piece.length;
  };
  const takeLine = (chunk: Buffer, from: number): number => {
    const end = chunk.indexOf(0x0a, from);
    const piece = chunk.subarray(from, end < 0 ? chunk.length : end);
    pending.push(piece);
    pendingBytes += piece.length;
    if (pendingBytes > maxLineBytes)
      throw new ScapError('protocol_violation', 'Cannot read from the peer: a line does not end');
    if (end < 0) return chunk.length;
    const line = Buffer.concat(pending).toString('utf8');
    pending = [];
    pendingBytes = 0;
    sink.onLine(line);
    payloadLeft = payloadOf();
    return end + 1;
  };
  return {
    push: (chunk) => {
      for (let at = 0; at < chunk.length; ) at = payloadLeft > 0 ? takePayload(chunk, at) : takeLine(chunk, at);
    },
  };
}

/**
 * Parses a line as a message from an agent; `undefined` for anything else, which is noise. What is passed on holds nothing but the fields known
 * here, each of its type: a target must not be able to say anything in the name of another, or of the deploy host.
 */
export function parseFromAgent(line: string): FromAgent | undefined {
  const message = parseObject(line);
  if (message === undefined) return undefined;
  if (message.type === 'hello' && typeof message.protocol === 'number' && isRecord(message.versions))
    return message as unknown as Hello;
  const { id } = message;
  if (typeof id !== 'number') return undefined;
  if (message.type === 'notice') {
    const notice = parseNotice(message.notice);
    return notice && { type: 'notice', id, notice };
  }
  if (message.type !== 'reply') return undefined;
  const at = typeof message.at === 'number' ? message.at : Number.NaN;
  if (message.ok === true) return { type: 'reply', id, at, ok: true, value: message.value };
  const error = message.ok === false ? parseErrorReport(message.error) : undefined;
  return error && { type: 'reply', id, at, ok: false, error };
}

function parseNotice(value: unknown): AgentNotice | undefined {
  if (!isRecord(value)) return undefined;
  const { kind, step, unit, done, total, code, message } = value;
  if (kind === 'note' && typeof code === 'string' && typeof message === 'string') return { kind, code, message };
  if (kind !== 'progress' || typeof step !== 'string' || (unit !== 'files' && unit !== 'bytes')) return undefined;
  return isCount(done) && isCount(total) ? { kind, step, unit, done, total } : undefined;
}

/** Parses what a target says of a failure; `undefined` when that is none. Its code may be one that we do not know. */
export function parseErrorReport(value: unknown): ErrorReport | undefined {
  if (!isRecord(value) || typeof value.code !== 'string' || typeof value.message !== 'string') return undefined;
  const { code, message, hint, data } = value;
  return {
    code: code as ErrorReport['code'],
    message,
    ...(typeof hint === 'string' && { hint }),
    ...(isRecord(data) && { data }),
  };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** Parses a line as a message to an agent. Throws `protocol_violation`: nothing but a deploy host writes to an agent. */
export function parseToAgent(line: string): ToAgent {
  const message = parseObject(line);
  const id = message?.id;
  if (message?.type === 'cancel' && typeof id === 'number') return { type: 'cancel', id };
  if (message?.type === 'ping' && typeof message.leaseMs === 'number' && message.leaseMs > 0)
    return { type: 'ping', leaseMs: message.leaseMs };
  if (message?.type === 'request' && typeof id === 'number' && typeof message.verb === 'string') {
    const payloadBytes = message.payloadBytes ?? 0;
    if (typeof payloadBytes === 'number' && Number.isSafeInteger(payloadBytes) && payloadBytes >= 0) {
      return { type: 'request', id, verb: message.verb, params: message.params, payloadBytes };
    }
  }
  throw new ScapError('protocol_violation', `Cannot understand the deploy host: ${JSON.stringify(line.slice(0, 120))}`);
}

function parseObject(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
