import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { formatMarkdown, formatText } from '../format-report.ts';
import { describeMachine } from '../machine.ts';
import { createProgress } from '../progress.ts';
import { runTableBench } from '../table-bench.ts';
import { bundlePrograms } from './bundle-programs.ts';
import { measureSimulated, type SimulatedResult } from './measure-simulated.ts';
import { refuseFewOpenFiles } from './open-files.ts';
import { parseSimulatedBench, SIMULATED_USAGE, type SimulatedRequest } from './parse-simulated.ts';
import { composeSimulatedReport } from './report-simulated.ts';

/** `bench --simulated`: measures one fleet after the other and prints the report. No process and no file is left. */
export async function runSimulatedBench(args: readonly string[], signal: AbortSignal): Promise<void> {
  const called = { request: parseSimulatedBench(args), usage: SIMULATED_USAGE };
  await runTableBench('simulated', called, (directory, request) => measure(directory, request, signal));
}

async function measure(directory: string, request: SimulatedRequest, signal: AbortSignal): Promise<void> {
  refuseFewOpenFiles(Math.max(...request.hostCounts));
  const machine = await describeMachine(directory, signal);
  const say = createProgress();
  const programs = await bundlePrograms(join(directory, 'programs'));
  const results: SimulatedResult[] = [];
  for (const [at, hostCount] of request.hostCounts.entries()) {
    signal.throwIfAborted();
    const profile = request.profile === undefined ? undefined : resolve(request.profile, String(hostCount));
    const shared = { request: { ...request, profile }, programs, signal, say };
    results.push(await measureSimulated(hostCount, { ...shared, directory: join(directory, `f${at}`) }));
    if (request.markdown !== undefined)
      writeFileSync(request.markdown, formatMarkdown(composeSimulatedReport(results, machine)));
  }
  if (request.json) process.stdout.write(`${JSON.stringify({ machine, request, results }, undefined, 2)}\n`);
  else process.stdout.write(formatText(composeSimulatedReport(results, machine)));
  say('done');
}
