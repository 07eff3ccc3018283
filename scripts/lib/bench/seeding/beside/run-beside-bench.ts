import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatMarkdown, formatText } from '../../format-report.ts';
import { describeMachine } from '../../machine.ts';
import { createProgress } from '../../progress.ts';
import { releaseScap } from '../../scap-side.ts';
import { refuseSmallSpace } from '../../space.ts';
import { runTableBench } from '../../table-bench.ts';
import { makeSeedingTree } from '../measure-seeding.ts';
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
  const copies = (request.oldCount + request.newCount) * copiesPerHost + 4;
  refuseSmallSpace(directory, { bytes: request.totalBytes * copies, inodes: copies * 1000 });
  const machine = await describeMachine(directory, signal);
  const say = createProgress();
  const program = await releaseScap(join(directory, 'program'), signal);
  const staging = join(directory, 'staging');
  mkdirSync(staging);
  makeSeedingTree(staging, request.totalBytes);
  const own = join(directory, 'b');
  const result = await measureBeside({ request, program, staging, directory: own, signal, say });
  const report = composeBesideReport(result, request, machine);
  if (request.markdown !== undefined) writeFileSync(request.markdown, formatMarkdown(report));
  const document = { machine, request, result };
  process.stdout.write(request.json ? `${JSON.stringify(document, undefined, 2)}\n` : formatText(report));
  say('done');
}
