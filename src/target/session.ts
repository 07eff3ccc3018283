/**
 * What a target can be asked, by an agent's protocol or by hand. A session belongs to one target and does one thing at a time.
 */

import { toEncodedPath } from '../core/byte-path.ts';
import { ScapError, toErrorReport } from '../core/errors.ts';
import { isSha, type Sha } from '../core/sha.ts';
import { createGit } from '../git/git-command.ts';
import { openRepository } from '../git/repository.ts';
import type { FileLock } from '../system/file-lock.ts';
import type { AgentNotice } from '../transport/protocol.ts';
import { createBundleReceiver, type PayloadReceiver } from './bundle-receiver.ts';
import { type Aftermath, admitFence, type TargetContext, takeTarget } from './context.ts';
import { forgetWindows, isSuspicious, readWindows, withinWindow } from './ctime-windows.ts';
import type { TargetLayout } from './layout.ts';
import { readLiveSha } from './live-path.ts';
import { verifyComplete } from './materialise/complete-revision.ts';
import { probeTarget } from './probe.ts';
import { createRelayVerbs, isRelayVerb, ownAddress, type RelayVerbs } from './relay/relay-verbs.ts';
import { planRetention } from './retention.ts';
import { type CheckedSpare, checkSpareAhead, prepareSpare } from './spare.ts';
import { gatherRetentionFacts, retentionRule } from './stages/finalize.ts';
import type { StageRegistry } from './stages/registry.ts';
import { invalid, numberParam, shaParam } from './stages/stage.ts';
import { tidyRepository } from './tidy.ts';
import { createTrash } from './trash.ts';
import { takeBack } from './unconfirmed.ts';

export interface Call {
  readonly params: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  notify(notice: AgentNotice): void;
}

export interface TargetSession {
  /**
   * Carries out one verb: `probe`, `begin`, `stage`, `confirm`, `verify`, `warm`, `prunable`, and those of the relay. Throws what it throws; see each.
   * `begin` takes the target's lock and admits the run's fence; `stage`, `confirm` and the relay need it.
   */
  call(verb: string, call: Call): Promise<unknown>;
  /** Takes in the payload of `receive`, a bundle, or of `blob-give`, a piece of a blob; both need `begin`. */
  receive(verb: string, params: Readonly<Record<string, unknown>>): PayloadReceiver;
  /** The deploy host is gone: undoes a promotion that it wanted undone in that case and has not confirmed. Never throws. */
  takeBack(): Promise<void>;
  /** Prepares for the next run, frees the target, then deletes what was thrown away. */
  end(): Promise<void>;
}

/** `address` is where other targets reach this one. */
export function createTargetSession(
  layout: TargetLayout,
  stages: StageRegistry,
  address = ownAddress(process.env),
): TargetSession {
  return new Session(layout, stages, createRelayVerbs(layout, address));
}

class Session implements TargetSession {
  readonly #layout: TargetLayout;
  readonly #stages: StageRegistry;
  readonly #relay: RelayVerbs;
  readonly #trash = createTrash();
  readonly #verified = new Set<Sha>();
  readonly #aftermath: Aftermath = { finalized: false, retired: undefined, unconfirmed: undefined };
  #checkedSpare: CheckedSpare | undefined;
  #lock: FileLock | undefined;

  constructor(layout: TargetLayout, stages: StageRegistry, relay: RelayVerbs) {
    this.#layout = layout;
    this.#stages = stages;
    this.#relay = relay;
  }

  async call(verb: string, call: Call): Promise<unknown> {
    if (isRelayVerb(verb)) {
      this.#requireLock();
      return this.#relay.call(verb, { ...call, notify: throttleProgress(call.notify) });
    }
    switch (verb) {
      case 'probe':
        return probeTarget(this.#layout);
      case 'begin':
        return this.#begin(call);
      case 'stage':
        return this.#runStage(call);
      case 'confirm':
        return this.#confirm(call);
      case 'verify':
        return this.#verify(call);
      case 'clock':
        return {};
      case 'warm':
        this.#checkedSpare = await checkSpareAhead(this.#context(call));
        return {};
      case 'prunable':
        return { prunable: planRetention(gatherRetentionFacts(this.#layout), retentionRule(call.params)) };
      default:
        throw new ScapError('protocol_violation', `Cannot do "${verb}": this agent does not know it`);
    }
  }

  receive(verb: string, params: Readonly<Record<string, unknown>>): PayloadReceiver {
    if (isRelayVerb(verb)) return this.#receivePiece(params);
    const { sha256 } = params;
    if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) throw invalid('sha256', 'a SHA-256', sha256);
    this.#requireLock();
    return createBundleReceiver(this.#layout, sha256);
  }

  #receivePiece(params: Readonly<Record<string, unknown>>): PayloadReceiver {
    this.#requireLock();
    const pieces: Buffer[] = [];
    return {
      push: (piece) => void pieces.push(piece),
      finish: () => this.#relay.give(params, Buffer.concat(pieces)),
      abandon: () => {},
    };
  }

  takeBack(): Promise<void> {
    const call = quietCall();
    return takeBack(this.#context(call), (params) =>
      this.#runStage({ ...call, params: { ...params, stage: 'promote' } }),
    );
  }

  async end(): Promise<void> {
    await this.#relay.close();
    if (this.#lock !== undefined) await this.#prepareNext();
    this.#lock?.release();
    if (this.#trash.isEmpty) return;
    // The window only spares the next run a closer look; on a full disk it cannot be written, and what was thrown away must go all the more.
    await withinWindow(this.#layout, () => this.#emptyTrash()).catch(() => this.#trash.empty());
  }

  /**
   * Deleting one name of a file moves its ctime into our window, also when somebody changed the file before: then a revision that has it
   * under another name would pass for whole. So when there is such a file, no window counts any more.
   */
  async #emptyTrash(): Promise<void> {
    const windows = readWindows(this.#layout);
    let touched = false;
    await this.#trash.empty((ctimeMs) => {
      touched ||= isSuspicious(ctimeMs, 0, windows);
    });
    if (touched) forgetWindows(this.#layout);
  }

  /** Still under the lock: a run that comes meanwhile is better off waiting for the spare than making its tree without one. */
  async #prepareNext(): Promise<void> {
    if (!this.#aftermath.finalized) return;
    // What was looked at is used up; its index is large.
    this.#checkedSpare = undefined;
    const context = this.#context(quietCall());
    await prepareSpare(context, this.#aftermath.retired);
    await tidyRepository(context);
  }

  async #begin({ params }: Call): Promise<{ fence: number }> {
    const fence = numberParam(params, 'fence');
    this.#lock ??= await takeTarget(
      this.#layout,
      this.#trash,
      typeof params.reason === 'string' ? params.reason : 'scap',
    );
    await openRepository(this.#layout.repo);
    admitFence(this.#layout, fence, typeof params.run === 'string' ? params.run : undefined);
    return { fence };
  }

  async #runStage(call: Call): Promise<unknown> {
    this.#requireLock();
    const name = call.params.stage;
    const stage = typeof name === 'string' ? this.#stages.get(name) : undefined;
    if (stage === undefined) {
      const known = [...this.#stages.keys()].join(', ');
      throw new ScapError('usage', `Cannot run the stage ${JSON.stringify(name)}: there is none of that name`, {
        hint: `Known: ${known}`,
      });
    }
    const params = stage.parse(call.params);
    admitFence(this.#layout, params.fence);
    const context = this.#context(call);
    await stage.before(context, params);
    const result = await stage.run(context, params);
    await stage.after(context, params, result);
    return result;
  }

  #confirm({ params }: Call): { confirmed: boolean } {
    this.#requireLock();
    const revision = shaParam(params, 'revision');
    const live = readLiveSha(this.#layout);
    if (live !== revision) {
      throw new ScapError(
        'world_moved',
        `Cannot confirm revision ${revision}: this target serves ${live ?? 'nothing of ours'}`,
        { hint: 'It went back when it lost the deploy host; bring it up with: scap push' },
      );
    }
    const confirmed = this.#aftermath.unconfirmed !== undefined;
    this.#aftermath.unconfirmed = undefined;
    return { confirmed };
  }

  async #verify(call: Call): Promise<unknown> {
    const { revision, deep } = call.params;
    const sha = isSha(revision) ? revision : readLiveSha(this.#layout);
    if (sha === undefined) return { revision: null, drift: [] };
    try {
      const drift = await verifyComplete(this.#context(call), sha, { deep: deep === true });
      return { revision: sha, drift: drift.map(({ path, kind }) => ({ path: toEncodedPath(path), kind })) };
    } catch (error) {
      if (!(error instanceof ScapError) || error.code !== 'revision_incomplete') throw error;
      return { revision: sha, drift: [], problem: toErrorReport(error) };
    }
  }

  #context({ signal, notify }: Call): TargetContext {
    return {
      notify: throttleProgress(notify),
      layout: this.#layout,
      git: createGit(this.#layout.repo),
      trash: this.#trash,
      verified: this.#verified,
      aftermath: this.#aftermath,
      checkedSpare: this.#checkedSpare,
      signal,
    };
  }

  #requireLock(): void {
    if (this.#lock === undefined)
      throw new ScapError('protocol_violation', 'Cannot change this target: the run has not begun');
  }
}

/** For what nobody asked for and nobody hears of. */
function quietCall(): Call {
  return { params: {}, signal: new AbortController().signal, notify: () => {} };
}

/** Lets notes through at once, and of progress what a person could read. */
function throttleProgress(notify: Call['notify'], intervalMs = 250): Call['notify'] {
  let last = Date.now();
  return (notice) => {
    const now = Date.now();
    if (notice.kind === 'progress' && now - last < intervalMs) return;
    last = now;
    notify(notice);
  };
}
