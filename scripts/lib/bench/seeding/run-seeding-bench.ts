import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatMarkdown, formatText } from '../format-report.ts';
import { runTableBench } from '../table-bench.ts';
import { runBesideBench } from './beside/run-beside-bench.ts';
import { measureSeeding, type SeedingResult } from './measure-seeding.ts';
import { parseSeedingBench, SEEDING_USAGE, type SeedingRequest } from './parse-seeding.ts';
import { prepareSeeding } from './prepare-seeding.ts';
import { describeSeeding, explainSeeding, introduceSeeding } from './report-seeding.ts';

/** On a host at most: the bundle, the objects, the tree, and those of rsync. */
const copiesPerHost = 5;

/** `bench --seeding`, with `--beside` another one: measures one number of hosts after the other and prints the report. No fleet and no file is left. */
export async function runSeedingBench(args: readonly string[], signal: AbortSignal): Promise<void> {
  if (args.includes('--beside')) return runBesideBench(args, signal);
  const called = { request: parseSeedingBench(args), usage: SEEDING_USAGE };
  await runTableBench('seeding', called, (directory, request) => measure(directory, request, signal));
}

async function measure(directory: string, request: SeedingRequest, signal: AbortSignal): Promise<void> {
  const copies = Math.max(...request.hostCounts) * copiesPerHost;
  const { machine, say, program, staging } = await prepareSeeding(directory, request.totalBytes, copies, signal);
  const results: SeedingResult[] = [];
  const report = () => [...introduceSeeding(machine), ...describeSeeding(results, request), ...explainSeeding(request)];
  for (const [at, hostCount] of request.hostCounts.entries()) {
    const own = join(directory, `s${at}`);
    results.push(await measureSeeding(hostCount, { request, program, staging, directory: own, signal, say }));
    if (request.markdown !== undefined) writeFileSync(request.markdown, formatMarkdown(report()));
  }
  const document = { machine, request, results };
  process.stdout.write(request.json ? `${JSON.stringify(document, undefined, 2)}\n` : formatText(report()));
  say('done');
}
