/**
 * What a deploy host may ask of a target's relay. These verbs are served while others run, and while a blob is being taken.
 *
 * - `blob-open {blob, ports, bwlimit, carrier}`: how much of it is here, as a {@link Holding}; first, for each blob.
 * - `blob-make {revision, ports, bwlimit, carrier}`: in its stead, for a target that has the revision and is to be a source only: makes a bundle of it. The
 *   blob's name.
 * - `blob-give {blob, offset}` with a payload: the deploy host itself brings the bytes from `offset` on. A {@link Holding} too.
 * - `blob-receive {blob}`: the deploy host has rsync bring the bytes; progress comes as notices, and cancelling tells that rsync has ended. A
 *   {@link Holding}, of a whole blob.
 * - `blob-take {blob, ticket}`: takes the blob from a source; progress comes as notices. What it received, when the blob is whole.
 * - `blob-grant {blob, child, ttlMs}`: a ticket for a child, a secret.
 * - `blob-revoke {identity}`: makes a ticket useless.
 */
import { rmSync } from 'node:fs';
import { isIP } from 'node:net';
import { ScapError } from '../../core/errors.ts';
import { parsePortRange } from '../../core/port-range.ts';
import { createGit } from '../../git/git-command.ts';
import type { AgentNotice } from '../../transport/protocol.ts';
import type { TargetLayout } from '../layout.ts';
import { requireRsync } from '../rsync/rsync-program.ts';
import { createRsyncServer } from '../rsync/rsync-server.ts';
import { takeByRsync } from '../rsync/take-by-rsync.ts';
import { shaParam } from '../stages/stage.ts';
import { type BlobName, parseBlobName } from './blob-name.ts';
import type { BlobServerPlace } from './blob-server.ts';
import { removeOtherBlobs } from './half-received.ts';
import { makeBlob } from './make-blob.ts';
import { createRelayServer } from './relay-server.ts';
import { type BlobCarrier, createTargetRelay, type Holding, type TargetRelay } from './target-relay.ts';
import { parseRelayTicket } from './ticket.ts';

export interface RelayCall {
  readonly params: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  notify(notice: AgentNotice): void;
}

export interface RelayVerbs {
  /** Carries out one verb. Throws `protocol_violation` for parameters that make no sense, and as {@link TargetRelay}. */
  call(verb: string, call: RelayCall): Promise<unknown>;
  /** `blob-give`, when all of its payload has arrived. */
  give(params: Readonly<Record<string, unknown>>, piece: Buffer): Promise<Holding>;
  close(): Promise<void>;
}

/** Whether a verb is one of {@link RelayVerbs}. */
export function isRelayVerb(verb: string): boolean {
  return verb.startsWith('blob-');
}

/** `address` is where others reach this target; see {@link ownAddress}. */
export function createRelayVerbs(layout: TargetLayout, address: string): RelayVerbs {
  let carrier: Promise<BlobCarrier> | undefined;
  let relay: TargetRelay | undefined;
  const made: BlobName[] = [];
  const opened = (): TargetRelay => {
    if (relay !== undefined) return relay;
    throw new ScapError('protocol_violation', 'Cannot relay a blob: it was not opened');
  };
  const prepare = async (params: RelayCall['params']): Promise<BlobCarrier> => {
    const place = { address, ...parsePlace(params) };
    return params.carrier === 'rsync' ? openRsync(layout, place) : openRelay(place);
  };
  const open = async (name: BlobName, params: RelayCall['params']): Promise<Holding> => {
    carrier ??= prepare(params);
    const ready = await carrier;
    if (relay === undefined) {
      // A run brings a target one blob: halves of others are of no use to it, and may be what keeps this one from fitting.
      removeOtherBlobs(layout, name);
      relay = createTargetRelay(layout, ready);
    }
    return relay.look(name);
  };
  const make = async ({ params, signal }: RelayCall): Promise<BlobName> => {
    const git = createGit(layout.repo);
    try {
      carrier ??= prepare(params);
      await carrier;
      const name = await makeBlob(shaParam(params, 'revision'), { layout, git, signal });
      made.push(name);
      await open(name, params);
      return name;
    } finally {
      git.objects.close();
    }
  };
  const close = async () => {
    await relay?.close();
    for (const { sha256 } of made) rmSync(layout.blob(sha256), { force: true });
  };
  return {
    call: async (verb, call) => {
      const { params, signal, notify } = call;
      switch (verb) {
        case 'blob-open':
          return open(parseBlobName(params.blob), params);
        case 'blob-make':
          return make(call);
        case 'blob-take': {
          const name = parseBlobName(params.blob);
          const onProgress = progressOf(name, notify);
          return opened().take(name, [parseRelayTicket(params.ticket)], { signal, onProgress });
        }
        case 'blob-grant':
          return opened().grant(parseBlobName(params.blob), {
            child: String(params.child),
            ttlMs: positive(params.ttlMs, 'ttlMs'),
          });
        case 'blob-receive': {
          const name = parseBlobName(params.blob);
          return opened().receive(name, { signal, onProgress: progressOf(name, notify) });
        }
        case 'blob-revoke':
          opened().revoke(String(params.identity));
          return {};
        default:
          throw new ScapError('protocol_violation', `Cannot do "${verb}": this agent does not know it`);
      }
    },
    give: (params, piece) => opened().give(parseBlobName(params.blob), offsetOf(params.offset), piece),
    close,
  };
}

/** The address under which the deploy host reached this target, as its SSH server says: others reach it there too. */
export function ownAddress(env: NodeJS.ProcessEnv): string {
  const address = env.SSH_CONNECTION?.split(' ')[2] ?? '';
  return isIP(address) === 0 ? '127.0.0.1' : address;
}

function progressOf({ sizeBytes: total }: BlobName, notify: RelayCall['notify']): (done: number) => void {
  return (done) => notify({ kind: 'progress', step: 'receive', unit: 'bytes', done, total });
}

function openRelay(place: BlobServerPlace): BlobCarrier {
  return { server: createRelayServer(place) };
}

async function openRsync({ work }: TargetLayout, place: BlobServerPlace): Promise<BlobCarrier> {
  await requireRsync('this host');
  return { server: createRsyncServer({ ...place, work }), receive: takeByRsync };
}

function parsePlace({ ports, bwlimit }: Readonly<Record<string, unknown>>): Omit<BlobServerPlace, 'address'> {
  const range = parsePortRange(String(ports));
  if (range === undefined) throw new ScapError('protocol_violation', `Cannot listen on ports ${JSON.stringify(ports)}`);
  return { ports: range, bwlimit: offsetOf(bwlimit) };
}

function positive(value: unknown, name: string): number {
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
  throw new ScapError('protocol_violation', `Cannot use "${name}": expected a number above 0`);
}

function offsetOf(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new ScapError('protocol_violation', 'Cannot use a number of bytes: expected a whole number');
}
