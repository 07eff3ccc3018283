/**
 * What a child and its source say to each other, inside TLS 1.3 with a one-time key (see `relay-tls`):
 *
 *     child    scap-relay 1 <SHA-256, 64 hex digits> <offset, decimal>\n      and then nothing more, ever
 *     source   ok <size of the whole blob, decimal>\n                         or: no <reason>\n and the end
 *     source   frame*                                                         then the end
 *
 *     frame    kind (1 byte), length (4 bytes, big-endian), so many bytes
 *       1 bytes     the next bytes of the blob, 1 to 1 MiB of them
 *       2 alive     length 0: nothing to send yet, and the source is there
 *       3 whole     length 0: those were all, and they fit the hash over the whole
 *       4 damaged   length 0: the bytes do not fit the hash; what was sent is worth nothing
 *       5 gone      length 0: the source cannot go on; what was sent may be continued elsewhere
 *
 * Without frames a source could not say that it has passed on damaged bytes before it has sent all the others, nor that it waits for its own
 * source: then one silence would make every host below it look for another. A child always checks the hash itself, whatever the source says.
 */
import { ScapError } from '../../core/errors.ts';
import { isSha256 } from './blob-name.ts';

export const maxFrameBytes = 1024 * 1024;
export const frameHeaderBytes = 5;

const greeting = 'scap-relay 1';
/** Both lines are shorter than this. */
const maxLineBytes = 160;
const newline = 0x0a;

/** How a transfer ends, as the source sees it. */
export type Verdict = 'whole' | 'damaged' | 'gone';

/** Why a source does not serve; each can only be told to a child that has shown a key. */
export const refusals = {
  bad_request: 'it does not understand the request',
  wrong_blob: 'the key is for another blob',
  bad_offset: 'the blob ends before the place that was asked for',
  key_used: 'the key was used already',
} as const;

export type Refusal = keyof typeof refusals;

export interface RelayRequest {
  readonly sha256: string;
  /** Where to begin; 0 to the size of the blob. It may lie beyond what the source has so far. */
  readonly offset: number;
}

export type RelayMessage =
  | { readonly kind: 'accepted'; readonly sizeBytes: number }
  | { readonly kind: 'refused'; readonly reason: Refusal }
  | { readonly kind: 'bytes'; readonly piece: Buffer }
  | { readonly kind: 'alive' }
  | { readonly kind: 'verdict'; readonly verdict: Verdict };

const frameKinds = { bytes: 1, alive: 2, whole: 3, damaged: 4, gone: 5 } as const;
const verdictByKind: Readonly<Record<number, Verdict>> = { 3: 'whole', 4: 'damaged', 5: 'gone' };

export function encodeRequest({ sha256, offset }: RelayRequest): string {
  return `${greeting} ${sha256} ${offset}\n`;
}

export function encodeAcceptance(sizeBytes: number): string {
  return `ok ${sizeBytes}\n`;
}

export function encodeRefusal(reason: Refusal): string {
  return `no ${reason}\n`;
}

/** A frame without bytes. */
export function encodeSign(kind: 'alive' | Verdict): Buffer {
  return Buffer.from([frameKinds[kind], 0, 0, 0, 0]);
}

/** Writes the header of a frame of `length` bytes to the start of `frame`; the bytes belong right behind it. */
export function writeBytesHeader(frame: Buffer, length: number): void {
  frame.writeUInt8(frameKinds.bytes, 0);
  frame.writeUInt32BE(length, 1);
}

/**
 * Reads what a child sends, cut anywhere. `push` returns the request once it is there, and throws `protocol_violation` for anything else: another
 * line, one that does not end, bytes behind it.
 */
export function createRequestReader(): { push(chunk: Buffer): RelayRequest | undefined } {
  const line = createLineReader();
  return {
    push: (chunk) => {
      const end = line.push(chunk);
      if (end === undefined) return undefined;
      const match = /^scap-relay 1 ([0-9a-f]{64}) (\d{1,15})$/.exec(end.text);
      const [, sha256, offset] = match ?? [];
      if (!isSha256(sha256) || end.rest.length > 0) throw violation('a request is not one line of ours');
      return { sha256, offset: Number(offset) };
    },
  };
}

/**
 * Reads what a source sends, cut anywhere: the reply first, then frames. Pieces are views of the chunk that was pushed. Throws
 * `protocol_violation` at the first byte that makes no sense; afterwards the reader is of no use.
 */
export function createSourceReader(): { push(chunk: Buffer): readonly RelayMessage[] } {
  const line = createLineReader();
  const header = Buffer.alloc(frameHeaderBytes);
  let isAccepted = false;
  let headerFilled = 0;
  let bytesLeft = 0;

  const readFrames = (chunk: Buffer): RelayMessage[] => {
    const messages: RelayMessage[] = [];
    for (let at = 0; at < chunk.length; ) {
      if (bytesLeft > 0) {
        const piece = chunk.subarray(at, at + bytesLeft);
        bytesLeft -= piece.length;
        at += piece.length;
        messages.push({ kind: 'bytes', piece });
        continue;
      }
      const taken = chunk.copy(header, headerFilled, at, at + frameHeaderBytes - headerFilled);
      at += taken;
      headerFilled += taken;
      if (headerFilled < frameHeaderBytes) break;
      headerFilled = 0;
      const frame = parseHeader(header);
      if (typeof frame === 'number') bytesLeft = frame;
      else messages.push(frame);
    }
    return messages;
  };
  return {
    push: (chunk) => {
      if (isAccepted) return readFrames(chunk);
      const end = line.push(chunk);
      if (end === undefined) return [];
      const reply = parseReply(end.text);
      isAccepted = reply.kind === 'accepted';
      return isAccepted ? [reply, ...readFrames(end.rest)] : [reply];
    },
  };
}

function parseReply(text: string): RelayMessage {
  const size = /^ok (\d{1,15})$/.exec(text)?.[1];
  if (size !== undefined) return { kind: 'accepted', sizeBytes: Number(size) };
  const reason = /^no ([a-z_]+)$/.exec(text)?.[1] ?? '';
  if (Object.hasOwn(refusals, reason)) return { kind: 'refused', reason: reason as Refusal };
  throw violation('a reply is neither "ok" nor "no"');
}

/** A sign, or how many bytes follow. */
function parseHeader(header: Buffer): RelayMessage | number {
  const kind = header.readUInt8(0);
  const length = header.readUInt32BE(1);
  if (kind === frameKinds.bytes && length >= 1 && length <= maxFrameBytes) return length;
  if (kind === frameKinds.alive && length === 0) return { kind: 'alive' };
  const verdict = verdictByKind[kind];
  if (verdict !== undefined && length === 0) return { kind: 'verdict', verdict };
  throw violation('a frame is of no known kind or length');
}

/** Collects the first line; it is short, so pieces may be joined. */
function createLineReader(): { push(chunk: Buffer): { text: string; rest: Buffer } | undefined } {
  let begun = Buffer.alloc(0);
  return {
    push: (chunk) => {
      const end = chunk.indexOf(newline);
      if (begun.length + (end < 0 ? chunk.length : end) > maxLineBytes) throw violation('a line does not end');
      begun = Buffer.concat([begun, end < 0 ? chunk : chunk.subarray(0, end)]);
      return end < 0 ? undefined : { text: begun.toString('latin1'), rest: chunk.subarray(end + 1) };
    },
  };
}

function violation(found: string): ScapError {
  return new ScapError('protocol_violation', `Cannot understand the peer of a relay: ${found}`);
}
