import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ScriptFailure } from '../../program/async-script.ts';
import { measureProgram } from '../fleet/measure-program.ts';
import { type RunLogFigures, readRunLog } from './read-run-log.ts';
import type { Simulators } from './simulators.ts';

/** What one push to a simulated fleet took and cost. */
export interface SimulatedPush extends RunLogFigures {
  /** Of the whole process, from outside. */
  readonly seconds: number;
  /** Processor seconds of the deploy process and the git processes it waited for. */
  readonly cpuSeconds: number;
  /** Of all simulators, meanwhile. */
  readonly simulatorCpuSeconds: number;
  /** Of the deploy process. */
  readonly peakBytes: number;
  /** All events, progress among them. */
  readonly events: number;
  readonly logBytes: number;
  /** Connections that were open at once. */
  readonly sockets: number;
  /** Between the first and the last host that switched, as the run reports it; `undefined` for one host. */
  readonly skewMs: number | undefined;
}

export interface DeploySideOptions {
  /** The bundled deploy program. */
  readonly program: string;
  readonly simulators: Simulators;
  readonly simulatorCount: number;
  readonly hostCount: number;
  readonly staging: string;
  /** Where the sockets are; configuration and state are made there. */
  readonly directory: string;
  readonly profile: string | undefined;
  readonly signal: AbortSignal;
}

/** The deploy host of a simulated fleet. */
export class DeploySide {
  readonly #options: DeploySideOptions;
  readonly #config: string;
  readonly #state: string;

  constructor(options: DeploySideOptions) {
    this.#options = options;
    this.#config = join(options.directory, 'scap.yaml');
    this.#state = join(options.directory, 'state');
    writeFileSync(this.#config, formatConfig(options.hostCount, options.staging, this.#state));
  }

  /** Pushes the staging tree to every host. @throws ScriptFailure when one of them does not serve it afterwards. */
  async push(): Promise<SimulatedPush> {
    const { program, simulators, simulatorCount, hostCount, directory, profile, signal } = this.#options;
    if (profile !== undefined) mkdirSync(profile, { recursive: true });
    const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SCAP_')));
    const cpuBefore = simulators.cpuSeconds();
    await simulators.report();
    // Started as bin/scap starts it.
    const node = [process.execPath, '--max-semi-space-size=4', ...profiling] as const;
    const run = await measureProgram(
      [...node, program, String(simulatorCount), 'push', '--json', '--config', this.#config],
      { cwd: directory, env: { ...env, MALLOC_ARENA_MAX: '2' }, signal },
    );
    const { skewMs, counts } = JSON.parse(run.stdout) as { skewMs?: number; counts?: { promoted: number } };
    if (counts?.promoted !== hostCount)
      throw new ScriptFailure(
        `Cannot measure: ${counts?.promoted ?? 0} of ${hostCount} hosts were promoted`,
        'This is a bug',
      );
    const log = this.#newestLog();
    const figures = readRunLog(readFileSync(log, 'utf8'), run.startedAt);
    const { peakConnections, notices } = await simulators.report();
    return {
      ...figures,
      seconds: run.seconds,
      cpuSeconds: run.cpuSeconds,
      simulatorCpuSeconds: simulators.cpuSeconds() - cpuBefore,
      peakBytes: run.peakBytes,
      events: figures.logged + notices,
      logBytes: statSync(log).size,
      sockets: peakConnections,
      skewMs,
    };
  }

  #newestLog(): string {
    const logs = join(this.#state, 'logs');
    const newest = readdirSync(logs)
      .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      .at(-1);
    return join(logs, newest ?? '');
  }
}

/** One group of all hosts, promoted at once: the hardest case. Simulated hosts are configured as hosts over SSH. JSON is YAML. */
export function formatConfig(hostCount: number, staging: string, state: string): string {
  const digits = String(hostCount).length;
  const range = `sim[${'1'.padStart(digits, '0')}:${hostCount}]`;
  const config = {
    staging,
    state,
    hosts: { [range]: { transport: 'ssh', cache: '/srv/scap', live: '/srv/live' } },
    groups: [{ name: 'all', hosts: ['*'], failureBudget: 0 }],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
