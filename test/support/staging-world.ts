// A deploy host's half of a push in a temporary directory: a staging tree, a state directory, a real repository.
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ScapError } from '../../src/core/errors.ts';
import type { Sha } from '../../src/core/sha.ts';
import { type PreparedRevision, type PrepareOptions, prepareRevision } from '../../src/deploy/prepare-revision.ts';
import { createStateLayout, type StateLayout } from '../../src/deploy/state-layout.ts';
import { createEventBus, type EventBus, type EventOf, type EventType, type ScapEvent } from '../../src/events/event.ts';
import { type DeployRepository, liveRef, openDeployRepository } from '../../src/revision/deploy-repository.ts';

export interface StagingWorld {
  readonly staging: string;
  readonly layout: StateLayout;
  readonly repository: DeployRepository;
  readonly bus: EventBus;
  /** What the last preparation said. */
  readonly events: readonly ScapEvent[];
  prepare(options?: Partial<PrepareOptions>): Promise<PreparedRevision>;
  /** As {@link prepare}, and what was made is live from now on; returns its sha. */
  push(options?: Partial<PrepareOptions>): Promise<Sha>;
  /** Declares what should be live, as a finished deploy or a rollback does. */
  setLive(revision: Sha): Promise<void>;
  /** The last event of a type. */
  said<T extends EventType>(type: T): EventOf<T> | undefined;
}

/** `directory` is where staging and state are made. */
export async function createStagingWorld(directory: string): Promise<StagingWorld> {
  const staging = join(directory, 'staging');
  const layout = createStateLayout(join(directory, 'state'));
  for (const path of [staging, layout.state, layout.work]) mkdirSync(path, { recursive: true, mode: 0o755 });
  // Whatever the umask: a restrictive mode of the root would be captured.
  chmodSync(staging, 0o755);
  const repository = await openDeployRepository(layout.repo, { create: true });
  const bus = createEventBus();
  const events: ScapEvent[] = [];
  bus.listen((event) => events.push(event));

  const prepare = (options: Partial<PrepareOptions> = {}) => {
    events.length = 0;
    return prepareRevision({ layout, repository, bus }, { ...defaults(), staging, ...options });
  };
  const setLive = (revision: Sha) => repository.update(new Map([[liveRef, revision]]));
  const push = async (options: Partial<PrepareOptions> = {}) => {
    const { sha } = await prepare(options);
    if (sha === undefined) throw new Error('nothing was made');
    await setLive(sha);
    return sha;
  };
  const said = <T extends EventType>(type: T) => events.findLast((event): event is EventOf<T> => event.type === type);
  return { staging, layout, repository, bus, events, prepare, push, setLive, said };
}

function defaults(): Omit<PrepareOptions, 'staging'> {
  return {
    exclude: [],
    maxShrinkRatio: undefined,
    kind: 'push',
    message: 'A test',
    author: { user: 'tester', host: 'deploy1' },
    dryRun: false,
    signal: new AbortController().signal,
  };
}

/** What a promise was rejected with, which must be a `ScapError`. */
export async function refusal(promise: Promise<unknown>): Promise<ScapError> {
  const error = await promise.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  if (error instanceof ScapError) return error;
  throw error;
}
