import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../../program/run-program.ts';
import { formatMarkdown, formatText } from '../format-report.ts';
import { describeMachine } from '../machine.ts';
import { createProgress } from '../progress.ts';
import type { Part } from '../report.ts';
import { refuseSmallSpace, treeSpace } from '../space.ts';
import { runTableBench } from '../table-bench.ts';
import { type FlattenResult, measureFlatten } from './measure-flatten.ts';
import { measureRevisions, type RevisionResult } from './measure-revisions.ts';
import { parseTreesBench, TREES_USAGE, type TreesRequest } from './parse-trees.ts';
import { describeFlatten, describeRevisions, explainTrees, introduceTrees } from './report-trees.ts';

/** `bench --trees`: measures flattening and the making of revisions, prints each table when it is measured, and leaves nothing. */
export async function runTreesBench(args: readonly string[], signal: AbortSignal): Promise<void> {
  const called = { request: parseTreesBench(args), usage: TREES_USAGE };
  await runTableBench('trees', called, (directory, request) => measure(directory, request, signal));
}

async function measure(directory: string, request: TreesRequest, signal: AbortSignal): Promise<void> {
  refuseSmallSpace(directory, neededSpace(request));
  const machine = await describeMachine(directory, signal);
  const say = createProgress();
  const hasOstree = await isInstalled('ostree', signal);
  const parts: Part[] = [];
  const print = (more: readonly Part[]) => {
    parts.push(...more);
    if (!request.json) process.stdout.write(formatText(more));
    if (request.markdown !== undefined) writeFileSync(request.markdown, formatMarkdown(parts));
  };
  print(introduceTrees(machine));
  const revisions: RevisionResult[] = [];
  const flattened: FlattenResult[] = [];
  const shared = { request, hasOstree, signal, say };
  for (const [at, size] of request.revisionSizes.entries()) {
    const changes = at === 0 ? request.changes : request.changes.slice(0, 1);
    const result = await measureRevisions(size, changes, { ...shared, directory: join(directory, `r${at}`) });
    revisions.push(result);
    print(describeRevisions(result));
  }
  for (const [at, size] of request.flattenSizes.entries()) {
    const result = await measureFlatten(size, { ...shared, directory: join(directory, `f${at}`) });
    flattened.push(result);
    print(describeFlatten(result));
  }
  print(explainTrees());
  if (request.json)
    process.stdout.write(`${JSON.stringify({ machine, request, revisions, flattened }, undefined, 2)}\n`);
  say('done');
}

/** Everything that is made stands to the end: staging, repositories, and for each measurement the trees that are written anew. */
function neededSpace({ revisionSizes, flattenSizes, changes, runs, meanBytes }: TreesRequest) {
  const copies = [
    ...revisionSizes.map((size, at) => ({ size, count: 6 + 3 * runs * (at === 0 ? changes.length : 1) })),
    ...flattenSizes.map((size) => ({ size, count: 4 })),
  ];
  const needed = { bytes: 0, inodes: 0 };
  for (const { size, count } of copies) {
    const { bytes, inodes } = treeSpace(size, size * meanBytes);
    needed.bytes += bytes * count;
    needed.inodes += inodes * count;
  }
  return needed;
}

async function isInstalled(program: string, signal: AbortSignal): Promise<boolean> {
  try {
    await runProgram([program, '--version'], { signal });
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
