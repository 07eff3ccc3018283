import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Raw bytes that follow a request. */
export interface Payload {
  readonly sizeBytes: number;
  /** Opens the bytes for reading, or gives them all; called once. */
  open(): Readable | Buffer;
}

/** Writes all bytes of a payload; returns when the stream has taken them. Throws what reading or writing throws. */
export async function writePayload(payload: Payload, to: Writable): Promise<void> {
  const bytes = payload.open();
  if (!Buffer.isBuffer(bytes)) await pipeline(bytes, to, { end: false });
  else await new Promise<void>((resolve, reject) => to.write(bytes, (error) => (error ? reject(error) : resolve())));
}
