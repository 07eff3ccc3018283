import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet, FleetHost } from '../../../fleet/fleet.mjs';
import { awaitIdle } from '../../../program/agents.ts';
import { ScriptFailure } from '../../../program/async-script.ts';
import { runProgram } from '../../../program/run-program.ts';
import { startHosts, stopHosts } from '../../fleet/hosts.ts';
import { awaitIdleHosts } from '../../fleet/hosts-idle.ts';
import { ScapFleet } from '../../fleet/scap-fleet.ts';
import { sentBytes } from '../egress.ts';
import type { BesideRequest } from './parse-beside.ts';
import { type PushTimes, readPushTimes } from './read-push-times.ts';

/** What happened to a push to the old hosts that was begun while `scap seed` brought everything to the new ones. */
export interface DuringSeed {
  /** Its exit status and what it said, when it did not want to wait; `undefined` when it was not refused. */
  readonly refusal: { readonly status: number; readonly message: string } | undefined;
  /** Until it was done: at once if it was not refused, else after the seeding, which it then waited for. */
  readonly push: PushTimes;
}

export interface BesideResult {
  /** One file to the old hosts, by `--limit`. */
  readonly alone: readonly PushTimes[];
  /** One push to all, of which the new hosts had nothing. */
  readonly together: PushTimes;
  /** The same with `fanout.bwlimit`. */
  readonly limited: PushTimes;
  /** One file to all hosts, none of them new. */
  readonly upToDate: readonly PushTimes[];
  readonly duringSeed: DuringSeed;
}

export interface MeasureBesideOptions {
  readonly request: BesideRequest;
  readonly program: string;
  /** A tree of `request.totalBytes`. One of its files is changed again and again. */
  readonly staging: string;
  /** To be created; it is gone afterwards, and so is the fleet, whatever happens. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** When so much is on its way to new hosts, they are being brought everything. */
const underWayBytes = 1_000_000;
const pollMs = 20;
const waitForSeed = '30m';
const messageLength = 160;

/** Makes a fleet, measures everything once or several times, and removes the fleet. */
export async function measureBeside(options: MeasureBesideOptions): Promise<BesideResult> {
  const { directory, say, request } = options;
  mkdirSync(directory);
  const fleet = await startHosts({
    directory: join(directory, 'fleet'),
    hosts: request.oldCount + request.newCount,
    mode: 'namespaces',
    rate: `${request.megabits}mbit`,
  });
  try {
    options.signal.throwIfAborted();
    return await new BesideRun(fleet, options).measure();
  } finally {
    say('removing the hosts');
    await stopHosts(fleet, say);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

class BesideRun {
  readonly #fleet: Fleet;
  readonly #options: MeasureBesideOptions;
  readonly #scap: ScapFleet;
  readonly #scapLimited: ScapFleet;
  readonly #old: readonly FleetHost[];
  readonly #new: readonly FleetHost[];

  constructor(fleet: Fleet, options: MeasureBesideOptions) {
    const { request, program, staging, directory, signal } = options;
    const shared = { program, fleet, staging, directory, signal };
    this.#fleet = fleet;
    this.#options = options;
    this.#scap = new ScapFleet(shared);
    this.#scapLimited = new ScapFleet({ ...shared, bytesPerSecond: request.bytesPerSecond });
    this.#old = fleet.hosts.slice(0, request.oldCount);
    this.#new = fleet.hosts.slice(request.oldCount);
  }

  async measure(): Promise<BesideResult> {
    await this.#push('the first push to the old hosts', this.#scap, this.#limit);
    const alone = await this.#pushOften('one file to the old hosts alone', this.#limit);
    const together = this.#demandBulk(await this.#push('one push to all, some of them new', this.#scap));
    const upToDate = await this.#pushOften('one file to all, none of them new', []);
    await this.#empty();
    const limited = this.#demandBulk(await this.#push('one push to all with fanout.bwlimit', this.#scapLimited));
    await this.#empty();
    return { alone, together, upToDate, limited, duringSeed: await this.#pushDuringSeed() };
  }

  async #pushOften(what: string, words: readonly string[]): Promise<PushTimes[]> {
    const times: PushTimes[] = [];
    while (times.length < this.#options.request.runs) times.push(await this.#push(what, this.#scap, words));
    return times;
  }

  /** Changes a file and pushes, once all hosts are idle. */
  async #push(what: string, scap: ScapFleet, words: readonly string[] = []): Promise<PushTimes> {
    await this.#settle();
    this.#change();
    const times = readPushTimes(await scap.runWithEvents(['push', ...words]), namesOf(this.#old));
    this.#say(what, times);
    return times;
  }

  /** Begins to seed the new hosts; meanwhile pushes to the old ones, first without waiting for anything. */
  async #pushDuringSeed(): Promise<DuringSeed> {
    await this.#settle();
    this.#change();
    const before = sentBytes(this.#fleet);
    let isSeeding = true;
    const seeding = this.#scap.runWithEvents(['seed', ...namesOf(this.#new)]).finally(() => {
      isSeeding = false;
    });
    // It is waited for below; until then its failure must not end this process.
    seeding.catch(() => {});
    while (isSeeding && sentBytes(this.#fleet) < before + underWayBytes) {
      await sleep(pollMs, undefined, { signal: this.#options.signal });
    }
    try {
      const push = ['push', ...this.#limit];
      const atOnce = await this.#scap.runWithEvents(push, anyStatus);
      const refusal = atOnce.status === 0 ? undefined : { status: atOnce.status, message: refusalOf(atOnce.stderr) };
      const done = refusal === undefined ? atOnce : await this.#scap.runWithEvents([...push, '--wait', waitForSeed]);
      const times = readPushTimes(done, namesOf(this.#old));
      this.#say(refusal === undefined ? 'a push beside scap seed' : `refused beside scap seed; with --wait`, times);
      return { refusal, push: times };
    } finally {
      await seeding;
    }
  }

  get #limit(): readonly string[] {
    return ['--limit', namesOf(this.#old).join(',')];
  }

  #change(): void {
    const { staging, request } = this.#options;
    writeFileSync(join(staging, 'changed.bin'), randomBytes(request.changeBytes));
  }

  /** Waits until neither a host nor the deploy host's own maintenance is at work. */
  async #settle(): Promise<void> {
    const { directory, signal } = this.#options;
    await awaitIdleHosts(this.#fleet, signal);
    await awaitIdle(directory, signal);
    await runProgram(['sync', '-f', directory], { signal });
  }

  /** Makes the new hosts as new as they were: not even an agent is left on them. */
  async #empty(): Promise<void> {
    await awaitIdleHosts(this.#fleet, this.#options.signal);
    for (const { root, agentCache } of this.#new) {
      for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true, maxRetries: 5 });
      rmSync(agentCache, { recursive: true, force: true });
    }
  }

  #demandBulk(times: PushTimes): PushTimes {
    if (times.bulk?.hosts === this.#new.length) return times;
    throw new ScriptFailure('Cannot measure: not every new host got the revision through others', 'Try more --bytes');
  }

  #say(what: string, { fetched, ended }: PushTimes): void {
    this.#options.say(
      `${what}: the old hosts have it after ${fetched.toFixed(2)} s, all is done after ${ended.toFixed(2)} s`,
    );
  }
}

const anyStatus = Array.from({ length: 256 }, (_, status) => status);

function namesOf(hosts: readonly FleetHost[]): string[] {
  return hosts.map(({ name }) => name);
}

/** The beginning of the sentence, without what goes before it and the hint. */
function refusalOf(stderr: string): string {
  const sentence = /Cannot .*/.exec(stderr)?.[0] ?? stderr.trim();
  return sentence.length <= messageLength ? sentence : `${sentence.slice(0, messageLength)}…`;
}
