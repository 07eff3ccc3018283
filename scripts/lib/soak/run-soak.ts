// A soak: many pushes while things go wrong, then one in peace and a close look.
import { existsSync, readlinkSync, realpathSync } from 'node:fs';
import { createRandom, drawBelow, pick, type Random } from '../prng.ts';
import { changeStaging, createStaging } from './change-staging.ts';
import { type Fault, faults, type Victim } from './faults.ts';
import { awaitQuiet, checkEnd, checkMemory, violated } from './final-checks.ts';
import { hashTree } from './hash-tree.ts';
import { createSoakWorld, type Push, type SoakWorld } from './soak-world.ts';

export interface SoakOptions {
  readonly directory: string;
  readonly pushes: number;
  readonly hosts: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Told a line for each push. */
  readonly say: (line: string) => void;
}

export interface SoakSummary {
  readonly pushes: number;
  readonly seconds: number;
  /** How often each fault struck. */
  readonly faults: ReadonlyMap<string, number>;
  /** How often pushes ended with each status, or signal. */
  readonly endings: ReadonlyMap<string, number>;
  /** Peak memory of the deploy process in the first and in the last clean pushes, in KiB. */
  readonly firstKib: readonly number[];
  readonly lastKib: readonly number[];
}

/** Of the pushes, how many are disturbed. */
const faultShare = 0.6;
/** How many events a push to eight hosts has; a fault strikes at one of them. */
const eventsOfPush = 90;
/** With what a disturbed push may end: nothing here is wrong with the configuration, the lock or the fence, and nothing is a bug. */
const fairStatuses: ReadonlySet<number | null> = new Set([0, 1, 5, 6, 130]);
const memorySamples = 20;

/** Runs a soak. @throws ScriptFailure at the first thing that must not be. */
export async function runSoak(options: SoakOptions): Promise<SoakSummary> {
  const startedAt = Date.now();
  const random = createRandom('soak', options.seed);
  await using world = await createSoakWorld(options.directory, options.hosts);
  createStaging(world.staging, random);
  const soak = new Soak(world, random, options);
  for (let number = 1; number <= options.pushes; number++) {
    options.signal.throwIfAborted();
    await soak.push(number, random() < faultShare ? soak.drawFault() : undefined);
  }
  await soak.push(options.pushes + 1, undefined, { last: true });
  await awaitQuiet(world, options.signal);
  await checkEnd(world, options.signal);
  return soak.summarize((Date.now() - startedAt) / 1000);
}

class Soak {
  readonly #world: SoakWorld;
  readonly #random: Random;
  readonly #options: SoakOptions;
  /** What was ever staged, by hash: only that may be live. */
  readonly #trees = new Set<string>();
  /** Hosts whose live revision was tampered with, and which one that was. */
  readonly #tampered = new Map<string, string>();
  readonly #faults = new Map<string, number>();
  readonly #endings = new Map<string, number>();
  readonly #peaks: number[] = [];
  #isDisturbed = true;
  #deck: string[] = [];

  constructor(world: SoakWorld, random: Random, options: SoakOptions) {
    this.#world = world;
    this.#random = random;
    this.#options = options;
  }

  async push(number: number, fault: string | undefined, { last = false } = {}): Promise<void> {
    changeStaging(this.#world.staging, this.#random, number);
    this.#trees.add(hashTree(this.#world.staging));
    // What the push before has left running is none of a push that is to be left in peace.
    if (last) await awaitQuiet(this.#world, this.#options.signal);
    const host = pick(this.#random, this.#world.fleet.hosts);
    const victim = { world: this.#world, host, random: this.#random };
    const chosen = fault === undefined ? undefined : faults[fault];
    const ended = await this.#disturb(victim, chosen);
    this.#judge(number, ended, { fault, last });
    this.#checkLive(number, fault);
    const where = fault === undefined ? '' : ` ${fault}${fault.includes('deploy') ? '' : ` (${host.name})`}`;
    const how = ended.signal ?? `exit ${ended.status}`;
    const peak = ended.peakKib === undefined ? '' : `, ${Math.round(ended.peakKib / 1024)} MiB`;
    const seconds = (ended.durationMs / 1000).toFixed(1);
    this.#options.say(`${number}/${this.#options.pushes}: ${how} in ${seconds} s${peak}${where}`);
    count(this.#endings, how);
    if (fault !== undefined) count(this.#faults, fault);
    this.#isDisturbed = fault !== undefined;
  }

  /** Every fault comes once before any comes again. */
  drawFault(): string {
    if (this.#deck.length === 0) this.#deck = Object.keys(faults);
    return this.#deck.splice(drawBelow(this.#random, this.#deck.length), 1)[0] as string;
  }

  async #disturb(victim: Victim, fault: Fault | undefined): Promise<Push> {
    if (fault?.when === 'before') {
      const { name, live } = victim.host;
      if (existsSync(live)) this.#tampered.set(name, readlinkSync(live));
      await fault.strike(victim);
    }
    const at = drawBelow(this.#random, eventsOfPush);
    let struck: Promise<(() => void | Promise<void>) | undefined> | undefined;
    const push = this.#world.startPush((events) => {
      if (fault?.when === 'during' && events >= at) struck ??= fault.strike(victim, push);
    });
    const ended = await push.done;
    await (await struck)?.();
    return ended;
  }

  #judge(number: number, ended: Push, { fault, last }: { fault: string | undefined; last: boolean }): void {
    const { status, signal, stderr, peakKib } = ended;
    const isKilled =
      (signal === 'SIGKILL' && fault === 'deploy killed') ||
      // It came when the run was over and nobody waited for interrupts any more.
      (signal === 'SIGINT' && fault?.startsWith('interrupted'));
    const fair = last ? status === 0 : isKilled || fairStatuses.has(status);
    if (!fair) throw violated(`push ${number} (${fault ?? 'undisturbed'}) ended with ${signal ?? status}\n${stderr}`);
    if (fault !== undefined) return;
    // One push repairs what the one before it has left.
    if (!this.#isDisturbed && status !== 0)
      throw violated(`push ${number} was left in peace, as the one before, and ended with ${status}\n${stderr}`);
    if (status === 0 && peakKib !== undefined) this.#peaks.push(peakKib);
  }

  /** Each host serves something that was pushed, whole. */
  #checkLive(number: number, fault: string | undefined): void {
    for (const { name, live } of this.#world.fleet.hosts) {
      // Nothing has reached it yet.
      if (!existsSync(live)) continue;
      if (this.#tampered.get(name) === readlinkSync(live)) continue;
      this.#tampered.delete(name);
      if (!this.#trees.has(hashTree(realpathSync(live))))
        throw violated(`after push ${number} (${fault ?? 'undisturbed'}) ${name} serves what was never pushed`);
    }
  }

  summarize(seconds: number): SoakSummary {
    const size = Math.min(memorySamples, Math.floor(this.#peaks.length / 2));
    const [firstKib, lastKib] = [this.#peaks.slice(0, size), size === 0 ? [] : this.#peaks.slice(-size)];
    if (size > 0) checkMemory(firstKib, lastKib);
    const { pushes } = this.#options;
    return { pushes, seconds, faults: this.#faults, endings: this.#endings, firstKib, lastKib };
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
