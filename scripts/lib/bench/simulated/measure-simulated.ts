import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Staging } from '../staging.ts';
import { formatMegabytes, formatSeconds } from '../statistics.ts';
import type { Programs } from './bundle-programs.ts';
import type { SimulatedRequest } from './parse-simulated.ts';
import { DeploySide, type SimulatedPush } from './simulated-push.ts';
import { Simulators } from './simulators.ts';

/** What was measured at one size of the fleet. */
export interface SimulatedResult {
  readonly hostCount: number;
  readonly first: SimulatedPush;
  readonly oneFile: readonly SimulatedPush[];
}

export interface MeasureSimulatedOptions {
  readonly request: SimulatedRequest;
  readonly programs: Programs;
  /** To be created; it is gone afterwards, and so are the simulators, whatever happens. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** Small: what grows with it is the bytes that are sent to each host, which the deploy host only copies. */
const tree = { files: 100, bytes: 100_000, versions: 2 };

/** Starts simulators, pushes to them, and stops them. */
export async function measureSimulated(
  hostCount: number,
  { request, programs, directory, signal, say }: MeasureSimulatedOptions,
): Promise<SimulatedResult> {
  mkdirSync(directory);
  try {
    const staging = new Staging(join(directory, 'staging'), signal);
    await staging.generate(tree.files, tree.bytes, tree.versions);
    await using simulators = await Simulators.start({
      program: programs.simulator,
      count: request.simulators,
      pace: request.pace,
      directory,
    });
    const deploy = new DeploySide({
      program: programs.deploy,
      simulators,
      simulatorCount: request.simulators,
      hostCount,
      staging: staging.path,
      directory,
      profile: request.profile,
      signal,
    });
    const push = async (what: string) => {
      const pushed = await deploy.push();
      say(`${hostCount} hosts, ${what}: ${formatSeconds(pushed.seconds)}, ${formatMegabytes(pushed.peakBytes)}`);
      return pushed;
    };
    const first = await push('first push');
    const oneFile: SimulatedPush[] = [];
    for (let run = 1; run <= request.runs; run++) {
      await staging.edit(1);
      oneFile.push(await push(`one file ${run} of ${request.runs}`));
    }
    return { hostCount, first, oneFile };
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
