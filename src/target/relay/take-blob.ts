/**
 * A child: takes a blob from one source after the other, each time from where it is, until it is whole.
 */
import { ScapError, toScapError } from '../../core/errors.ts';
import type { IncomingBlob } from './blob-file.ts';
import { shortBlobName } from './blob-name.ts';
import { type ReceiveLimits, type ReceiveOptions, receiveFrom } from './receive-from.ts';
import { formatSource, type RelayTicket } from './ticket.ts';

export interface TakeOptions {
  readonly signal: AbortSignal;
  /** How bytes come from one source. Default: relayed, see {@link receiveFrom}. */
  readonly receive?: ((ticket: RelayTicket, blob: IncomingBlob, options: ReceiveOptions) => Promise<void>) | undefined;
  readonly limits?: Partial<ReceiveLimits> | undefined;
  /** Told after each piece how many bytes are there, those of earlier attempts among them. Often: throttle. */
  readonly onProgress?: ((availableBytes: number) => void) | undefined;
  /** Told when a source is given up, before the next one is asked for. */
  readonly onSourceLost?: ((source: TakenFrom) => void) | undefined;
}

export interface TakenFrom {
  /** Where it is: `10.0.0.7:8730`. */
  readonly source: string;
  /** Bytes of the blob that came from it and were written. */
  readonly receivedBytes: number;
  /** Why it was given up; absent for the one that brought the end. */
  readonly error?: ScapError;
}

export interface TakeReport {
  /** Bytes found in the file when it was opened. */
  readonly resumedBytes: number;
  /** Bytes that this call received, from all of its sources. */
  readonly receivedBytes: number;
  /** In the order they were used; a blob that was whole before needs none. */
  readonly sources: readonly TakenFrom[];
}

const defaultLimits: ReceiveLimits = { greetingMs: 10_000, silenceMs: 30_000, farewellMs: 1_000 };

/**
 * Takes what is missing of `blob` from the first source of `tickets` that has it, then from the next. `tickets` may wait for more to come, and is
 * asked for the next only when one is given up.
 *
 * Throws, each with `data.receivedBytes`, `data.availableBytes` and `data.sources`:
 * - `source_lost`, `source_refused` or `protocol_violation`, the last source's, when there are no more tickets. The blob stays open, its readers wait,
 *   and another call goes on where this one stopped;
 * - `blob_damaged` when a source says so or the whole does not fit its hash: everything was deleted, also what came from others, since nobody knows
 *   which part is wrong;
 * - `interrupted` when `signal` aborts: as for a lost source;
 * - what writing threw, such as `disk_full`: everything was deleted.
 */
export async function takeBlob(
  blob: IncomingBlob,
  tickets: Iterable<RelayTicket> | AsyncIterable<RelayTicket>,
  options: TakeOptions,
): Promise<TakeReport> {
  const { receive = receiveFrom } = options;
  const before = blob.availableBytes;
  const sources: TakenFrom[] = [];
  const received = () => blob.availableBytes - before;
  const report = (): TakeReport => ({ resumedBytes: blob.resumedBytes, receivedBytes: received(), sources });
  if (blob.verdict === 'whole') return report();
  let last: ScapError | undefined;
  for await (const ticket of tickets) {
    const from = blob.availableBytes;
    const taken = (error?: ScapError): TakenFrom => ({
      source: formatSource(ticket),
      receivedBytes: blob.availableBytes - from,
      ...(error && { error }),
    });
    try {
      await receive(ticket, blob, { ...options, limits: { ...defaultLimits, ...options.limits } });
      sources.push(taken());
      return report();
    } catch (error) {
      last = toScapError(error);
      if (last === undefined) throw error;
      sources.push(taken(last));
      if (!canGoOn(last)) break;
      options.onSourceLost?.(taken(last));
    }
  }
  throw withAccount(last ?? noSource(blob), blob, { receivedBytes: received(), sources });
}

/** Another source may have what this one does not give. */
function canGoOn({ code }: ScapError): boolean {
  return code === 'source_lost' || code === 'source_refused' || code === 'protocol_violation';
}

function noSource({ name }: IncomingBlob): ScapError {
  return new ScapError(
    'source_lost',
    `Cannot take blob ${shortBlobName(name)}: there is no source left to take it from`,
  );
}

function withAccount(
  error: ScapError,
  { availableBytes }: IncomingBlob,
  { receivedBytes, sources }: Omit<TakeReport, 'resumedBytes'>,
): ScapError {
  const account = sources.map(({ source, receivedBytes, error }) => ({ source, receivedBytes, code: error?.code }));
  const data = { ...error.data, receivedBytes, availableBytes, sources: account };
  return new ScapError(error.code, error.message, { hint: error.hint, data, cause: error });
}
