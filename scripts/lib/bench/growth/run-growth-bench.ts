import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom, drawBelow } from '../../prng.ts';
import { mutateTree } from '../../staging/mutate-tree.ts';
import { formatMarkdown, formatText } from '../format-report.ts';
import { describeMachine } from '../machine.ts';
import { createProgress } from '../progress.ts';
import { releaseScap } from '../scap-side.ts';
import { refuseSmallSpace, treeSpace } from '../space.ts';
import { Staging } from '../staging.ts';
import { runTableBench } from '../table-bench.ts';
import { compareWithNew } from './compare-with-new.ts';
import { GitPushes } from './git-pushes.ts';
import { GROWTH_USAGE, type GrowthRequest, parseGrowthBench, stretchCount } from './parse-growth.ts';
import { describeGrowth, describeStretch, type GrowthResult, introduceGrowth } from './report-growth.ts';
import { ScapPushes } from './scap-pushes.ts';

/** Copies of the tree that stand beside each other at most: staging, on each target one and the spare, and repositories. */
const copies = 12;
/** Pushes in turns with a new deploy host, at most as many as a stretch has. */
const turnCount = 20;
/** A change edits at least one file and fewer than this many. */
const editsBelow = 4;

/** `bench --growth`: pushes, measures after each push, prints its tables at the end, and leaves nothing. */
export async function runGrowthBench(args: readonly string[], signal: AbortSignal): Promise<void> {
  const called = { request: parseGrowthBench(args), usage: GROWTH_USAGE };
  await runTableBench('growth', called, (directory, request) => measure(directory, request, signal));
}

async function measure(directory: string, request: GrowthRequest, signal: AbortSignal): Promise<void> {
  const { bytes, inodes } = treeSpace(request.fileCount, request.totalBytes);
  refuseSmallSpace(directory, { bytes: bytes * copies, inodes: inodes * copies });
  const machine = await describeMachine(directory, signal);
  const result = await pushAll(directory, request, signal);
  const parts = [introduceGrowth(request, machine), ...describeGrowth(result)];
  if (request.markdown !== undefined) writeFileSync(request.markdown, formatMarkdown(parts));
  process.stdout.write(
    request.json ? `${JSON.stringify({ machine, request, ...result }, undefined, 2)}\n` : formatText(parts),
  );
}

async function pushAll(directory: string, request: GrowthRequest, signal: AbortSignal): Promise<GrowthResult> {
  const say = createProgress();
  say(`making a staging tree of ${request.fileCount} files`);
  const staging = new Staging(join(directory, 'staging'), signal);
  await staging.generate(request.fileCount, request.totalBytes, 2);
  const program = await releaseScap(join(directory, 'program'), signal);
  const newScap = (name: string) => new ScapPushes(program, join(directory, name), staging.path, request, signal);
  const newGit = async (name: string) => {
    const git = new GitPushes(join(directory, name), staging.path, signal);
    await git.create();
    return git;
  };
  const scap = newScap('scap');
  const git = request.withGit ? await newGit('git') : undefined;
  say('first push');
  await scap.push();
  await git?.push();
  const result = { scap: [] as GrowthResult['scap'][number][], git: [] as GrowthResult['git'][number][] };
  const length = request.pushes / stretchCount;
  let changes = 0;
  const change = () => {
    const seed = `growth-${++changes}`;
    mutateTree(staging.path, 1 + drawBelow(createRandom(seed, 'edits'), editsBelow - 1), seed);
  };
  for (let n = 1; n <= request.pushes; n++) {
    change();
    result.scap.push(await scap.push());
    if (git !== undefined) result.git.push(await git.push());
    if (n % length === 0) say(`${n} pushes: ${describeStretch(result.scap.slice(-length))}`);
  }
  const turns = Math.min(turnCount, length);
  const options = { warmUps: Math.min(request.keepRevisions, length), turns, change };
  say(`${turns} pushes in turns with a new deploy host`);
  const scapTurns = await compareWithNew(scap, newScap('new'), options);
  const gitTurns = git && (await compareWithNew(git, await newGit('new-git'), options));
  return { ...result, scapTurns, gitTurns };
}
