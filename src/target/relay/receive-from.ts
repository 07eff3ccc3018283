import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { isSystemError, ScapError } from '../../core/errors.ts';
import type { IncomingBlob } from './blob-file.ts';
import { shortBlobName } from './blob-name.ts';
import { childTlsOptions } from './relay-tls.ts';
import { formatSource, type RelayTicket } from './ticket.ts';
import { createSourceReader, encodeRequest, type RelayMessage, refusals } from './wire.ts';

export interface ReceiveOptions {
  readonly signal: AbortSignal;
  readonly limits: ReceiveLimits;
  readonly onProgress?: ((availableBytes: number) => void) | undefined;
}

export interface ReceiveLimits {
  /** For connecting, TLS and the reply together. */
  readonly greetingMs: number;
  /** So long a source may say nothing at all. It says that it is there when it has nothing to send; ours is the time we take to write. */
  readonly silenceMs: number;
  /** So long we wait, with the whole blob in our hands, for the source to say that it knows: its account is exact then. */
  readonly farewellMs: number;
}

/**
 * Appends to `blob` what one source has of it, from where the blob is; returns when the blob is whole.
 *
 * Throws `source_refused` when the source does not accept the ticket or the request; `source_lost` when it cannot be reached, falls silent, ends
 * early or says that it cannot go on; `protocol_violation` when it makes no sense; `blob_damaged` when it says so (the bytes are deleted then), and
 * what `append` throws. The connection is closed when this returns.
 */
export async function receiveFrom(ticket: RelayTicket, blob: IncomingBlob, options: ReceiveOptions): Promise<void> {
  const socket = connect(childTlsOptions(ticket));
  const attempt = new Attempt(socket, ticket, blob);
  socket.on('error', () => {});
  const abort = () => attempt.giveUp(new ScapError('interrupted', 'Stopped taking a blob on request'));
  options.signal.addEventListener('abort', abort);
  if (options.signal.aborted) abort();
  try {
    await attempt.run(options);
  } catch (error) {
    // The blob is what counts; how its source went is not.
    if (blob.verdict !== 'whole') throw attempt.explain(error);
  } finally {
    options.signal.removeEventListener('abort', abort);
    attempt.end();
    await closed(socket);
  }
}

class Attempt {
  readonly #socket: TLSSocket;
  readonly #ticket: RelayTicket;
  readonly #blob: IncomingBlob;
  #timer: NodeJS.Timeout | undefined;
  #reason: ScapError | undefined;
  /** Looks just like an error of the socket. */
  #fileError: unknown;
  #isAccepted = false;

  constructor(socket: TLSSocket, ticket: RelayTicket, blob: IncomingBlob) {
    this.#socket = socket;
    this.#ticket = ticket;
    this.#blob = blob;
  }

  async run({ limits, onProgress }: ReceiveOptions): Promise<void> {
    const { name } = this.#blob;
    this.#allow(limits.greetingMs);
    if (!this.#socket.destroyed) await once(this.#socket, 'secureConnect');
    this.#socket.write(encodeRequest({ sha256: name.sha256, offset: this.#blob.availableBytes }));
    const reader = createSourceReader();
    for await (const chunk of this.#socket) {
      if (this.#isAccepted) this.#allow(undefined);
      for (const message of reader.push(chunk as Buffer)) {
        if (message.kind === 'verdict' && this.#blob.verdict === 'whole') return;
        await this.#take(message);
      }
      onProgress?.(this.#blob.availableBytes);
      if (this.#blob.verdict === 'whole') this.#allow(limits.farewellMs);
      else if (this.#isAccepted) this.#allow(limits.silenceMs);
    }
    throw this.#lost('it ended early');
  }

  /** Ends the attempt from outside; `run` fails with this reason. */
  giveUp(reason: ScapError): void {
    this.#reason ??= reason;
    this.#socket.destroy(reason);
  }

  end(): void {
    this.#allow(undefined);
    this.#socket.destroy();
  }

  /** What a failure of `run` means. */
  explain(error: unknown): unknown {
    if (this.#reason !== undefined) return this.#reason;
    if (error instanceof ScapError || error === this.#fileError) return error;
    if (isSystemError(error)) return this.#lost(networkText(error.code), error);
    if (!(error instanceof Error && 'code' in error) && this.#isAccepted) return error;
    return this.#isAccepted
      ? this.#lost('the connection broke', error)
      : this.#refused('it does not accept the key, which is wrong, used or too old', error);
  }

  async #take(message: RelayMessage): Promise<void> {
    switch (message.kind) {
      case 'accepted':
        if (message.sizeBytes !== this.#blob.name.sizeBytes)
          throw this.#refused(`its blob has ${message.sizeBytes} bytes, expected ${this.#blob.name.sizeBytes}`);
        this.#isAccepted = true;
        return;
      case 'refused':
        throw this.#refused(refusals[message.reason]);
      case 'bytes':
        return this.#append(message.piece);
      case 'alive':
        return;
      case 'verdict':
        if (message.verdict === 'gone') throw this.#lost('it cannot go on');
        if (message.verdict === 'whole')
          throw new ScapError('protocol_violation', `${this.#cannot()}: it says that was all, and it was not`);
        await this.#blob.discard();
        throw new ScapError('blob_damaged', `${this.#cannot()}: its bytes do not fit the hash`, {
          hint: 'Run the same command again; nothing of it was kept',
        });
    }
  }

  async #append(piece: Buffer): Promise<void> {
    try {
      await this.#blob.append(piece);
    } catch (error) {
      this.#fileError = error;
      throw error;
    }
  }

  /** Gives the source so many milliseconds from now; `undefined` stops the clock. */
  #allow(ms: number | undefined): void {
    clearTimeout(this.#timer);
    if (ms === undefined) return;
    this.#timer = setTimeout(() => this.giveUp(this.#lost(`nothing came for ${ms} ms`)), ms);
  }

  #lost(why: string, cause?: unknown): ScapError {
    return new ScapError('source_lost', `${this.#cannot()}: ${why}`, { cause });
  }

  #refused(why: string, cause?: unknown): ScapError {
    return new ScapError('source_refused', `${this.#cannot()}: ${why}`, { cause });
  }

  #cannot(): string {
    return `Cannot take blob ${shortBlobName(this.#blob.name)} from ${formatSource(this.#ticket)}`;
  }
}

function closed(socket: TLSSocket): Promise<unknown> {
  return socket.closed ? Promise.resolve() : once(socket, 'close');
}

function networkText(code: string): string {
  const texts: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there; its tickets are used or too old, or the host is not the one that was meant',
    ECONNRESET: 'it hung up',
    EPIPE: 'it hung up',
    EHOSTUNREACH: 'no route to the host',
    ENETUNREACH: 'no route to the network',
    ETIMEDOUT: 'no answer',
    ENOTFOUND: 'its name is unknown',
  };
  return texts[code] ?? code;
}
