/**
 * The relay of one target, as its agent has it: the blobs that this run brings, where they come from, and who may take them here.
 */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { ScapError } from '../../core/errors.ts';
import type { TargetLayout } from '../layout.ts';
import { isDiskFull, watchGrowth } from '../rsync/watch-growth.ts';
import { type IncomingBlob, openIncomingBlob } from './blob-file.ts';
import { type BlobName, shortBlobName } from './blob-name.ts';
import type { BlobServer, GrantOptions } from './blob-server.ts';
import { type TakeOptions, type TakeReport, takeBlob } from './take-blob.ts';
import type { RelayTicket } from './ticket.ts';

/** How much of a blob is here. */
export interface Holding {
  readonly availableBytes: number;
  /** All of it, and it fitted its hash. */
  readonly whole: boolean;
}

export interface TargetRelay extends AsyncDisposable {
  /** Looks how much of a blob is here, in an earlier process's half too. Throws what the file system throws. */
  look(name: BlobName): Promise<Holding>;
  /**
   * Takes bytes that the deploy host brings itself, from `offset` on; those that are here already are passed over. Calls for one blob are carried
   * out in order. Throws as `append` of {@link IncomingBlob}, and `protocol_violation` for a gap or while the blob is being taken.
   */
  give(name: BlobName, offset: number, piece: Buffer): Promise<Holding>;
  /**
   * Makes a ticket for a child, also for a blob of which nothing is here yet: the tree is set up from the top, and bytes flow once the first
   * takes. Looks for an earlier process's half when it sees the blob for the first time. Throws `relay_unavailable` or what the file system throws.
   */
  grant(name: BlobName, options: GrantOptions): Promise<RelayTicket>;
  /**
   * Lets another program write the blob's file until `signal` aborts, and tells how it grows; then looks at what there is. Throws `blob_damaged` when all
   * of it is there and is not the blob, `disk_full`, `source_lost` when something is missing, which may be gone on with, and `protocol_violation` while
   * the blob is being taken.
   */
  receive(name: BlobName, options: ReceiveByOther): Promise<Holding>;
  /** Makes a ticket useless that was not used. */
  revoke(identity: string): void;
  /**
   * Takes a blob; it then stands at `layout.blob`, checked. Throws as {@link takeBlob}; after a lost source, children wait, and another call goes
   * on. After damage another call begins from nothing. One call at a time for each blob: `protocol_violation` else.
   */
  take(
    name: BlobName,
    tickets: Iterable<RelayTicket> | AsyncIterable<RelayTicket>,
    options: TakeOptions,
  ): Promise<TakeReport>;
  /**
   * Hangs up on everybody, stops listening, and closes the files: halves stay to be found by the next process. Those who call `take` must have
   * aborted it before.
   */
  close(): Promise<void>;
}

/** What a carrier brings: how a target serves others, and how it takes from them. */
export interface BlobCarrier {
  readonly server: BlobServer;
  /** How bytes come from one source; default: relayed. */
  readonly receive?: TakeOptions['receive'];
}

export interface ReceiveByOther {
  /** Aborted when the other program has ended. */
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: number) => void;
}

async function awaitOther(path: string, name: BlobName, { signal, onProgress }: ReceiveByOther): Promise<void> {
  using _ = watchGrowth(path, name.sizeBytes, { onProgress, onTooLarge: () => {} });
  if (!signal.aborted) await once(signal, 'abort');
  if (statSync(path).size >= name.sizeBytes) return;
  const cannot = `Cannot take blob ${shortBlobName(name)} from another program`;
  if (isDiskFull(path))
    throw new ScapError('disk_full', `${cannot}: no space left on the device`, {
      hint: 'Free disk space or inodes there, then run the same command again',
    });
  throw new ScapError('source_lost', `${cannot}: it has not brought everything`);
}

/** The caller holds the target's lock for as long as the relay lives. */
export function createTargetRelay(layout: TargetLayout, { server, receive }: BlobCarrier): TargetRelay {
  const blobs = new Map<string, Promise<IncomingBlob>>();
  const taking = new Set<string>();
  const giving = new Map<string, Promise<unknown>>();

  const open = async (name: BlobName): Promise<IncomingBlob> => {
    const known = blobs.get(name.sha256);
    const blob = await known;
    if (blob !== undefined && blob.name.sizeBytes !== name.sizeBytes) throw contradiction(name, blob.name);
    if (blob !== undefined && blob.verdict !== 'damaged' && blob.verdict !== 'gone') return blob;
    // Somebody else may have opened it while we looked.
    if (blobs.get(name.sha256) !== known) return open(name);
    // Its file is removed first: the next one has the same name.
    const opening = Promise.resolve(blob?.close()).then(() => openIncomingBlob(layout.blob(name.sha256), name));
    blobs.set(name.sha256, opening);
    opening.catch(() => blobs.delete(name.sha256));
    return opening;
  };
  const give = async (name: BlobName, offset: number, piece: Buffer): Promise<Holding> => {
    if (taking.has(name.sha256)) throw isTaking(name);
    const blob = await open(name);
    const known = blob.availableBytes - offset;
    if (known < 0)
      throw new ScapError(
        'protocol_violation',
        `Cannot take blob ${shortBlobName(name)}: ${-known} bytes were left out`,
      );
    if (blob.verdict === undefined && known < piece.length) await blob.append(piece.subarray(known));
    return holdingOf(blob);
  };
  const holdingOf = (blob: IncomingBlob): Holding => {
    const whole = blob.verdict === 'whole';
    if (whole) server.keep(blob);
    return { availableBytes: blob.availableBytes, whole };
  };
  const close = async () => {
    await server.close();
    for (const blob of await Promise.allSettled(blobs.values())) {
      if (blob.status === 'fulfilled') await blob.value.close();
    }
    blobs.clear();
  };
  return {
    look: async (name) => holdingOf(await open(name)),
    give: (name, offset, piece) => {
      const before = giving.get(name.sha256) ?? Promise.resolve();
      const given = before.catch(() => {}).then(() => give(name, offset, piece));
      giving.set(name.sha256, given);
      return given;
    },
    grant: async (name, grantOptions) => server.grant(await open(name), grantOptions),
    revoke: (identity) => server.revoke(identity),
    receive: async (name, { signal, onProgress }) => {
      if (taking.has(name.sha256)) throw isTaking(name);
      taking.add(name.sha256);
      try {
        const blob = await open(name);
        if (blob.verdict !== 'whole') await blob.refill((path) => awaitOther(path, name, { signal, onProgress }));
        return holdingOf(blob);
      } finally {
        taking.delete(name.sha256);
      }
    },
    take: async (name, tickets, takeOptions) => {
      if (taking.has(name.sha256)) throw isTaking(name);
      taking.add(name.sha256);
      try {
        // A piece that is still being written belongs before what comes now.
        await giving.get(name.sha256)?.catch(() => {});
        const blob = await open(name);
        const report = await takeBlob(blob, tickets, { ...takeOptions, receive });
        server.keep(blob);
        return report;
      } finally {
        taking.delete(name.sha256);
      }
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function isTaking(name: BlobName): ScapError {
  const message = `Cannot take blob ${shortBlobName(name)}: this target is taking it already`;
  return new ScapError('protocol_violation', message);
}

function contradiction(name: BlobName, known: BlobName): ScapError {
  return new ScapError(
    'protocol_violation',
    `Cannot use blob ${shortBlobName(name)}: it has ${known.sizeBytes} bytes, not ${name.sizeBytes}`,
  );
}
