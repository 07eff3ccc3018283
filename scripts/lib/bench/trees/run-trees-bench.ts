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

/** Copies of the tree that stand beside each other at most: staging, ours, and those of the stock tools. */
const copies = 12;

/** `bench --trees`: measures flattening and the making of revisions, prints each table when it is measured, and leaves nothing. */
export async function runTreesBench(args: readonly string[], signal: AbortSignal): Promise<void> {
  const called = { request: parseTreesBench(args), usage: TREES_USAGE };
  await runTableBench('trees', called, (directory, request) => measure(directory, request, signal));
}

async function measure(directory: string, request: TreesRequest, signal: AbortSignal): Promise<void> {
  const largest = Math.max(...request.revisionSizes, ...request.flattenSizes);
  const { bytes, inodes } = treeSpace(largest, largest * request.meanBytes);
  refuseSmallSpace(directory, { bytes: bytes * copies, inodes: inodes * copies });
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

async function isInstalled(program: string, signal: AbortSignal): Promise<boolean> {
  try {
    await runProgram([program, '--version'], { signal });
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
