import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatMarkdown, formatText } from '../format-report.ts';
import { describeMachine } from '../machine.ts';
import { createProgress } from '../progress.ts';
import type { Part } from '../report.ts';
import { releaseScap } from '../scap-side.ts';
import { refuseSmallSpace } from '../space.ts';
import { runTableBench } from '../table-bench.ts';
import { findCapistrano } from './capistrano-fleet.ts';
import { estimateFleetSpace } from './estimate-space.ts';
import { type FleetResult, measureFleet } from './measure-fleet.ts';
import { FLEET_USAGE, type FleetRequest, parseFleetBench } from './parse-fleet.ts';
import { composeFleetReport, describeFleet, explainFleets, introduceFleets } from './report-fleets.ts';

/** `bench --fleet`: measures one fleet after the other and prints the report. No fleet and no file is left. */
export async function runFleetBench(args: readonly string[], signal: AbortSignal): Promise<void> {
  const called = { request: parseFleetBench(args), usage: FLEET_USAGE };
  await runTableBench('fleet', called, (directory, request) => measure(directory, request, signal));
}

async function measure(directory: string, request: FleetRequest, signal: AbortSignal): Promise<void> {
  const cap = await findCapistrano(signal);
  refuseSmallSpace(directory, estimateFleetSpace(request, cap !== undefined));
  const machine = await describeMachine(directory, signal);
  const say = createProgress();
  const program = await releaseScap(join(directory, 'program'), signal);
  const fleets: FleetResult[] = [];
  const print = (parts: readonly Part[]) => {
    if (!request.json) process.stdout.write(formatText(parts));
  };
  // At once: removing a large fleet takes longer than measuring it, and what was measured must not be lost to an interrupt.
  const onMeasured = (fleet: FleetResult) => {
    fleets.push(fleet);
    print(describeFleet(fleet));
    if (request.markdown !== undefined)
      writeFileSync(request.markdown, formatMarkdown(composeFleetReport(fleets, machine)));
  };
  print(introduceFleets(machine));
  for (const [at, size] of request.sizes.entries()) {
    const own = join(directory, `f${at}`);
    await measureFleet(size, { request, program, cap, directory: own, signal, say, onMeasured });
  }
  print(explainFleets());
  if (request.json) process.stdout.write(`${JSON.stringify({ machine, request, fleets }, undefined, 2)}\n`);
  say('done');
}
