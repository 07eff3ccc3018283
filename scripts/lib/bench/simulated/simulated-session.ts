import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ScapError } from '../../../../src/core/errors.ts';
import type { PayloadReceiver } from '../../../../src/target/bundle-receiver.ts';
import type { Call, TargetSession } from '../../../../src/target/session.ts';
import { FetchStage } from '../../../../src/target/stages/fetch.ts';
import { retentionRule } from '../../../../src/target/stages/finalize.ts';
import { type PromoteParams, PromoteStage } from '../../../../src/target/stages/promote.ts';
import { numberParam, shaParam } from '../../../../src/target/stages/stage.ts';
import { timeNow } from '../../../../src/transport/clock-relation.ts';
import type { SimulatedTarget } from './simulated-target.ts';

/** How a simulated host behaves. */
export interface Pace {
  /** How long it takes for an answer on average, in milliseconds; each takes between half and one and a half of it. */
  readonly delayMs: number;
  /** How many times a fetch tells how far it is. A real one does so four times a second. */
  readonly notices: number;
  /** How long a message and its answer are on the way together, in milliseconds. */
  readonly roundTripMs: number;
}

/** As in `PromoteStage`: what is further ahead comes from a clock that was set. */
const longestWaitMs = 2000;

const fetchStage = new FetchStage();
const promoteStage = new PromoteStage();

/** One connection's view of a target, for the real agent (`serveAgent`) to serve. A promotion is never taken back: hosts `keep`. */
export class SimulatedSession implements TargetSession {
  readonly #target: SimulatedTarget;
  readonly #pace: Pace;
  readonly #received = new Set<string>();
  #hasBegun = false;

  constructor(target: SimulatedTarget, pace: Pace) {
    this.#target = target;
    this.#pace = pace;
  }

  async call(verb: string, call: Call): Promise<unknown> {
    await this.#pause();
    const { params } = call;
    switch (verb) {
      case 'probe':
        return this.#target.probe();
      case 'begin':
        return this.#begin(params);
      case 'stage':
        return this.#runStage(call);
      case 'confirm':
        return this.#confirm(params);
      case 'verify':
        return { revision: this.#target.live ?? null, drift: [] };
      case 'clock':
      case 'warm':
        return {};
      case 'prunable':
        return { prunable: this.#target.prunable(retentionRule(params), timeNow()) };
      default:
        throw new ScapError('protocol_violation', `Cannot do "${verb}": this agent does not know it`);
    }
  }

  receive(_verb: string, { sha256 }: Readonly<Record<string, unknown>>): PayloadReceiver {
    this.#requireBegun();
    const hash = createHash('sha256');
    return {
      push: (piece) => void hash.update(piece),
      finish: () => {
        if (hash.digest('hex') !== sha256)
          throw new ScapError('bundle_damaged', 'Cannot use a bundle: it arrived damaged');
        this.#received.add(sha256);
      },
      abandon: () => {},
    };
  }

  async takeBack(): Promise<void> {}

  async end(): Promise<void> {}

  #begin(params: Call['params']): { readonly fence: number } {
    const fence = numberParam(params, 'fence');
    this.#target.admit(fence, typeof params.run === 'string' ? params.run : undefined);
    this.#hasBegun = true;
    return { fence };
  }

  async #runStage(call: Call): Promise<unknown> {
    this.#requireBegun();
    const { params } = call;
    this.#target.admit(numberParam(params, 'fence'));
    switch (params.stage) {
      case 'fetch':
        return this.#fetch(call);
      case 'config':
        return { rendered: 0 };
      case 'promote':
        return this.#promote(promoteStage.parse(params));
      case 'finalize':
        return this.#target.prune(retentionRule(params), timeNow());
      default:
        throw new ScapError(
          'usage',
          `Cannot run the stage ${JSON.stringify(params.stage)}: there is none of that name`,
        );
    }
  }

  async #fetch({ params, notify }: Call): Promise<unknown> {
    const { revision, bundle } = fetchStage.parse(params);
    const { notices } = this.#pace;
    for (let done = 1; done <= notices; done++) {
      await this.#pause();
      notify({ kind: 'progress', step: 'write files', unit: 'files', done, total: notices });
    }
    const result = this.#target.fetch(revision, bundle !== undefined && this.#received.has(bundle));
    return { result, files: notices, bytes: 0, drift: 0 };
  }

  async #promote({ revision, at, quietMs }: PromoteParams): Promise<unknown> {
    if (revision !== null) this.#target.requireComplete(revision);
    const waitMs = at - timeNow();
    if (waitMs > 0 && waitMs <= longestWaitMs) await sleep(waitMs);
    const swappedAt = timeNow();
    const outcome = this.#target.promote(revision, swappedAt);
    if (outcome.changed && quietMs > 0) await sleep(quietMs);
    return { ...outcome, swappedAt };
  }

  #confirm(params: Call['params']): { readonly confirmed: boolean } {
    this.#requireBegun();
    const revision = shaParam(params, 'revision');
    if (this.#target.live === revision) return { confirmed: true };
    throw new ScapError('world_moved', `Cannot confirm revision ${revision}: this target serves another`);
  }

  #requireBegun(): void {
    if (!this.#hasBegun) throw new ScapError('protocol_violation', 'Cannot change this target: the run has not begun');
  }

  async #pause(): Promise<void> {
    const { delayMs } = this.#pace;
    if (delayMs > 0) await sleep(delayMs * (0.5 + Math.random()));
  }
}
