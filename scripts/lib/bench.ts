import { writeFileSync } from 'node:fs';
import { judgeExpectations } from './bench/expectations.ts';
import { runFleetBench } from './bench/fleet/run-fleet-bench.ts';
import { formatMarkdown, formatText } from './bench/format-report.ts';
import { runGrowthBench } from './bench/growth/run-growth-bench.ts';
import { describeMachine, type Machine } from './bench/machine.ts';
import type { BenchResult } from './bench/measurements.ts';
import { type BenchRequest, parseBench, USAGE } from './bench/parse-arguments.ts';
import { createProgress } from './bench/progress.ts';
import { composeReport } from './bench/report.ts';
import { runJobs } from './bench/run-jobs.ts';
import { runSeedingBench } from './bench/seeding/run-seeding-bench.ts';
import { runSimulatedBench } from './bench/simulated/run-simulated-bench.ts';
import { estimateSpace, refuseSmallSpace } from './bench/space.ts';
import { runTreesBench } from './bench/trees/run-trees-bench.ts';
import { createWorld } from './bench/world.ts';
import { runAsyncScript } from './program/async-script.ts';
import { inWorkDirectory } from './program/work-directory.ts';

await runAsyncScript('bench', async (signal) => {
  process.umask(0o022);
  const args = process.argv.slice(2);
  if (args.includes('--fleet')) return runFleetBench(args, signal);
  if (args.includes('--trees')) return runTreesBench(args, signal);
  if (args.includes('--seeding')) return runSeedingBench(args, signal);
  if (args.includes('--simulated')) return runSimulatedBench(args, signal);
  if (args.includes('--growth')) return runGrowthBench(args, signal);
  const request = parseBench(args);
  if (request === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  const options = { prefix: 'scap-bench-', directory: request.directory, keep: request.keep };
  await inWorkDirectory(options, (directory) => measure(directory, request, signal));
});

async function measure(directory: string, request: BenchRequest, signal: AbortSignal): Promise<void> {
  refuseSmallSpace(directory, estimateSpace(request));
  const machine = await describeMachine(directory, signal);
  const say = createProgress();
  const world = await createWorld(directory, request, signal, say);
  const result = await runJobs(world, request, say);
  report(result, request, machine);
  say(request.keep ? 'done' : 'done; removing the directory');
}

function report(result: BenchResult, request: BenchRequest, machine: Machine): void {
  const parts = composeReport(result, request, machine);
  if (request.markdown !== undefined) writeFileSync(request.markdown, formatMarkdown(parts));
  process.stdout.write(request.json ? toJson(result, request, machine) : formatText(parts));
}

function toJson(result: BenchResult, request: BenchRequest, machine: Machine): string {
  const document = { machine, request, ...result, expectations: judgeExpectations(result, request) };
  const plain = (_: string, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value);
  return `${JSON.stringify(document, plain, 2)}\n`;
}
