import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostName } from '../../../../src/core/host-name.ts';
import type { Sha } from '../../../../src/core/sha.ts';
import { createBundleStore } from '../../../../src/deploy/bundle-store.ts';
import { prepareRevision } from '../../../../src/deploy/prepare-revision.ts';
import { createStateLayout, type StateLayout } from '../../../../src/deploy/state-layout.ts';
import { createEventBus } from '../../../../src/events/event.ts';
import { type DeployRepository, liveRef, openDeployRepository } from '../../../../src/revision/deploy-repository.ts';
import { createTargetLayout, type TargetLayout } from '../../../../src/target/layout.ts';
import type { Connection } from '../../../../src/transport/connection.ts';
import { createLocalTransport } from '../../../../src/transport/local.ts';
import { ScriptFailure } from '../../program/async-script.ts';
import { captureOptions } from './capture-options.ts';

export type Strategy = 'recycle' | 'link' | 'archive';

/** Seconds from request to answer: of the look at the spare, which a push has taken while it captures, and of making the revision. */
export interface Made {
  readonly lookS: number;
  readonly makeS: number;
}

const agentPath = join(import.meta.dirname, '../../../../dist/agent.mjs');
const timeoutMs = 15 * 60 * 1000;

/** One target that makes revisions the way it is told to, each in an agent of its own. */
export class TargetSide {
  readonly #staging: string;
  readonly #signal: AbortSignal;
  readonly #state: StateLayout;
  readonly #target: TargetLayout;
  readonly #bus = createEventBus();
  #repository: DeployRepository | undefined;
  #revision: Sha | undefined;
  #served: Sha | undefined;
  #fence = 0;
  readonly #aside: string;

  constructor(directory: string, staging: string, signal: AbortSignal) {
    this.#staging = staging;
    this.#signal = signal;
    this.#state = createStateLayout(join(directory, 'state'));
    this.#target = createTargetLayout(join(directory, 'target/cache'), join(directory, 'target/live'));
    this.#aside = join(directory, 'aside');
    mkdirSync(this.#state.work, { recursive: true });
    mkdirSync(this.#aside);
  }

  /** Brings the first revision up, and has the target prepare for the next one; a few more, and it is what it is from day to day. */
  async first(): Promise<void> {
    this.#repository = await openDeployRepository(this.#state.repo, { create: true });
    await this.capture();
    await this.#session(async (connection) => {
      await this.#send(connection);
      await this.#fetch(connection);
    });
    await this.serve();
  }

  /** Makes a revision of the staging tree as it is. */
  async capture(): Promise<void> {
    const repository = this.#open();
    const { sha } = await prepareRevision(
      { layout: this.#state, repository, bus: this.#bus },
      captureOptions(this.#staging, this.#signal),
    );
    if (sha === undefined || sha === this.#revision) throw new ScriptFailure('Nothing was captured', 'This is a bug');
    await repository.update(new Map([[liveRef, sha]]));
    this.#revision = sha;
  }

  /**
   * Has the target make the revision. Recycling comes first: it takes the objects in too, which the others then find there. What they must
   * not find is put aside, not deleted: a file system that has just deleted much is slow for a while.
   */
  async make(strategy: Strategy): Promise<Made> {
    const { revs, meta, work, live } = this.#target;
    const sha = this.#newest();
    if (strategy !== 'recycle')
      this.#putAside(this.#target.revision(sha), this.#target.marker(sha), this.#target.index(sha), `${work}/spare`);
    if (strategy === 'archive') this.#putAside(live, revs, meta);
    return this.#session(async (connection) => {
      if (strategy !== 'recycle') return { lookS: 0, makeS: await this.#fetch(connection, strategy) };
      const startedAt = performance.now();
      await connection.request('warm', {}, { timeoutMs });
      const lookS = (performance.now() - startedAt) / 1000;
      await this.#send(connection);
      return { lookS, makeS: await this.#fetch(connection, strategy) };
    });
  }

  #putAside(...paths: string[]): void {
    for (const path of paths) if (existsSync(path)) renameSync(path, join(this.#aside, `${this.#asideCount++}`));
  }

  #asideCount = 0;

  /** Serves the revision, and waits until the target has prepared for the next. */
  async serve(): Promise<void> {
    const sha = this.#newest();
    await this.#session(async (connection) => {
      await this.#stage(connection, 'promote', { revision: sha, adopt: false });
      await this.#stage(connection, 'finalize', { keep: 2, graceMs: 0 });
    });
    this.#served = sha;
    this.#repository = await openDeployRepository(this.#state.repo, { create: true });
    await this.#untilIdle();
  }

  async #send(connection: Connection): Promise<void> {
    using bundles = createBundleStore(this.#open(), this.#state.work, this.#bus);
    const { sha256, ...payload } = await bundles.bundle(this.#newest(), this.#served);
    await connection.request('receive', { sha256, sizeBytes: payload.sizeBytes }, { timeoutMs, payload });
    this.#bundle = sha256;
  }

  #bundle: string | undefined;

  async #fetch(connection: Connection, wanted?: Strategy): Promise<number> {
    const bundle = this.#bundle;
    this.#bundle = undefined;
    const startedAt = performance.now();
    const { result } = await this.#stage(connection, 'fetch', {
      revision: this.#newest(),
      adopt: false,
      ...(bundle !== undefined && { bundle }),
    });
    const seconds = (performance.now() - startedAt) / 1000;
    if (wanted !== undefined && result !== wanted)
      throw new ScriptFailure(`The target chose ${String(result)}, not ${wanted}`, 'This is a bug');
    return seconds;
  }

  async #stage(connection: Connection, stage: string, params: Record<string, unknown>) {
    return (await connection.request('stage', { stage, fence: this.#fence, ...params }, { timeoutMs })) as Record<
      string,
      unknown
    >;
  }

  async #session<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const { cache, live } = this.#target;
    const endpoint = { name: 'bench' as HostName, cache, live };
    const connection = await createLocalTransport({ agentPath }).connect(endpoint, { timeoutMs: 30_000 });
    try {
      await connection.request('begin', { fence: ++this.#fence, run: `bench-${this.#fence}` }, { timeoutMs });
      return await work(connection);
    } finally {
      await connection.close();
    }
  }

  /** The lock is free when the agent has done what it does when nobody waits. */
  async #untilIdle(): Promise<void> {
    await this.#session(async () => {});
    await sleep(500);
  }

  #open(): DeployRepository {
    if (this.#repository === undefined) throw new Error('first() comes first');
    return this.#repository;
  }

  #newest(): Sha {
    if (this.#revision === undefined) throw new Error('nothing was captured');
    return this.#revision;
  }
}
