import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fleet } from '../../fleet/fleet.mjs';
import { ScriptFailure } from '../../program/async-script.ts';
import type { Argv } from '../../program/run-program.ts';
import { type MeasuredProgram, measureProgram } from './measure-program.ts';
import { type Connects, readConnects } from './read-connects.ts';

/** What one push by scap to all hosts took. */
export interface ScapPush {
  readonly seconds: number;
  /** Processor seconds of the deploy process and its children; agents are not among them. */
  readonly cpuSeconds: number;
  /** Of the deploy process. */
  readonly peakBytes: number;
  /** Between the first host that switched and the last, by the clocks of the hosts; `undefined` for one host. */
  readonly skewMs: number | undefined;
  readonly connects: Connects;
}

/** What the first push to hosts that have nothing took. */
export interface ScapSeeding {
  /** The whole push. */
  readonly seconds: number;
  /** Until the last host had received and checked everything. */
  readonly bringSeconds: number;
  /** The stage in which hosts get the revision and make it. */
  readonly fetchSeconds: number;
  readonly tiers: number;
  readonly peakBytes: number;
}

export interface ScapFleetOptions {
  readonly program: string;
  readonly fleet: Fleet;
  readonly staging: string;
  /** An existing directory for the configuration. */
  readonly directory: string;
  /** `fanout.bwlimit`, in bytes per second; 0, the default: none. */
  readonly bytesPerSecond?: number;
  /** `fanout.carrier`; default: that of scap. */
  readonly carrier?: string;
  readonly signal: AbortSignal;
}

interface SeedingEvent {
  readonly type: string;
  readonly stage?: string;
  readonly hosts?: number;
  readonly tiers?: readonly unknown[];
  readonly durationMs: number;
}

/** scap's side of a fleet. */
export class ScapFleet {
  readonly #options: ScapFleetOptions;
  readonly #config: string;

  constructor(options: ScapFleetOptions) {
    this.#options = options;
    const { directory, fleet, staging, bytesPerSecond = 0, carrier = 'relay' } = options;
    this.#config = join(directory, bytesPerSecond === 0 ? 'scap.yaml' : `scap-${bytesPerSecond}.yaml`);
    writeFileSync(this.#config, toConfig(readFileSync(fleet.config, 'utf8'), staging, { bytesPerSecond, carrier }));
  }

  /** Pushes the staging tree. The caller has waited until the hosts are idle, or wants them busy. */
  async push(): Promise<ScapPush> {
    const run = await this.#run('push', '--json');
    const { skewMs, counts } = JSON.parse(run.stdout) as { skewMs?: number; counts?: { promoted: number } };
    const hostCount = this.#options.fleet.hosts.length;
    if (counts?.promoted !== hostCount) {
      throw new ScriptFailure(
        `Cannot measure: scap promoted ${counts?.promoted ?? 0} of ${hostCount} hosts`,
        'Look at the state of the hosts',
      );
    }
    const log = await this.#run('deploy-log', '--json');
    const { seconds, cpuSeconds, peakBytes, startedAt } = run;
    return { seconds, cpuSeconds, peakBytes, skewMs, connects: readConnects(log.stdout, startedAt) };
  }

  /** Pushes to hosts that have nothing, which must be too large for a star. */
  async seed(): Promise<ScapSeeding> {
    const { stdout, seconds, peakBytes } = await this.#run('push', '--events');
    const events = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as SeedingEvent]));
    const distributed = events.find(({ type }) => type === 'bundle.distributed');
    const fetched = events.find(({ type, stage }) => type === 'stage.finished' && stage === 'fetch');
    if (distributed?.hosts !== this.#options.fleet.hosts.length || fetched === undefined)
      throw new ScriptFailure('Cannot measure: not every host got the revision through others', 'Try more --bytes');
    return {
      seconds,
      bringSeconds: distributed.durationMs / 1000,
      fetchSeconds: fetched.durationMs / 1000,
      tiers: distributed.tiers?.length ?? 0,
      peakBytes,
    };
  }

  /** Pushes and returns at once, while the hosts still prepare for the next push. */
  async pushWithoutWaiting(): Promise<void> {
    await this.#run('push');
  }

  /** Asks every host what it serves; returns seconds. */
  async status(): Promise<number> {
    return (await this.#run('status')).seconds;
  }

  /**
   * Runs a command of scap with `--events`, which are on `stdout` of the result.
   *
   * @param okStatuses default: only 0; with another one the command may be refused
   */
  runWithEvents(words: readonly string[], okStatuses: readonly number[] = [0]): Promise<MeasuredProgram> {
    return this.#start([...words, '--events'], okStatuses);
  }

  #run(...words: readonly string[]): Promise<MeasuredProgram> {
    return this.#start(words, [0]);
  }

  #start(words: readonly string[], okStatuses: readonly number[]): Promise<MeasuredProgram> {
    const { program, signal, directory } = this.#options;
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SCAP_')));
    const argv: Argv = [program, ...words, '--config', this.#config];
    return measureProgram(argv, { cwd: directory, env, signal, okStatuses });
  }
}

/** Stock tools know no canary, so all hosts are one group. */
function toConfig(
  fleetConfig: string,
  staging: string,
  { bytesPerSecond, carrier }: { readonly bytesPerSecond: number; readonly carrier: string },
): string {
  const [beforeGroups = ''] = fleetConfig.split(/^groups:$/m);
  const withStaging = beforeGroups.replace(/^staging: .*$/m, () => `staging: ${JSON.stringify(staging)}`);
  const fanout = `fanout: {bwlimit: ${bytesPerSecond}, carrier: ${carrier}}\n`;
  return `${withStaging}${fanout}groups:\n  - {name: all, hosts: ["*"], failureBudget: 0}\n`;
}
