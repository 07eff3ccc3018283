import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatMarkdown, formatText } from '../../format-report.ts';
import { runTableBench } from '../../table-bench.ts';
import { prepareSeeding } from '../prepare-seeding.ts';
import { measureBeside } from './measure-beside.ts';
import { BESIDE_USAGE, type BesideRequest, parseBesideBench } from './parse-beside.ts';
import { composeBesideReport } from './report-beside.ts';

/** On a host at most: the bundle, the objects, the tree and a spare one. */
const copiesPerHost = 4;

/** `bench --seeding --beside`: measures and prints the report. No fleet and no file is left. */
export async function runBesideBench(args: readonly string[], signal: AbortSignal): Promise<void> {
  const called = { request: parseBesideBench(args), usage: BESIDE_USAGE };
  await runTableBench('beside', called, (directory, request) => measure(directory, request, signal));
}

async function measure(directory: string, request: BesideRequest, signal: AbortSignal): Promise<void> {
  const copies = (request.oldCount + request.newCount) * copiesPerHost;
  const { machine, say, program, staging } = await prepareSeeding(directory, request.totalBytes, copies, signal);
  const own = join(directory, 'b');
  const result = await measureBeside({ request, program, staging, directory: own, signal, say });
  const report = composeBesideReport(result, request, machine);
  if (request.markdown !== undefined) writeFileSync(request.markdown, formatMarkdown(report));
  const document = { machine, request, result };
  process.stdout.write(request.json ? `${JSON.stringify(document, undefined, 2)}\n` : formatText(report));
  say('done');
}
