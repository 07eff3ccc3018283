/**
 * The measurements. Within a job everybody does the same work once, in turn, and again for the next round. Before each
 * measurement scap's targets are idle and the file system is flushed, so that nobody pays for another's writes.
 */
import type { BenchResult, JobResult, ScapSample, SizedRollback, StockSample, StockTool } from './measurements.ts';
import type { BenchRequest, JobName } from './parse-arguments.ts';
import type { ScapSide } from './scap-side.ts';
import type { Staging } from './staging.ts';
import { formatSeconds } from './statistics.ts';
import type { World } from './world.ts';

/** What one round of a job gave; a tool that has no such work gives nothing. */
interface Round {
  readonly scap: ScapSample;
  readonly stock: Readonly<Partial<Record<StockTool, StockSample | undefined>>>;
  readonly commitSeconds?: number;
}

type Say = (text: string) => void;

/** Runs the jobs asked for, in order, and rollback at the other sizes. */
export async function runJobs(world: World, request: BenchRequest, say: Say): Promise<BenchResult> {
  const jobs: JobResult[] = [];
  if (!request.jobs.includes('first')) {
    say('first push, not measured');
    await pushEverywhere(world);
  }
  for (const job of request.jobs) {
    const rounds: Round[] = [];
    const count = job === 'first' ? request.firstRuns : request.runs;
    for (let i = 1; i <= count; i++) {
      if (job === 'first' && i > 1) world.renewHosts();
      const round = await runRound(job, world, request);
      say(`${job} ${i} of ${count}: ${describeRound(round)}`);
      rounds.push(round);
    }
    jobs.push(toJobResult(job, request, rounds));
  }
  return { jobs, rollbacks: await measureRollbacks(world, request, say) };
}

async function runRound(job: JobName, world: World, request: BenchRequest): Promise<Round> {
  switch (job) {
    case 'first':
      return pushEverywhere(world);
    case 'no-change':
      return pushNothing(world);
    case 'one-file':
      await world.staging.edit(1);
      return pushEverywhere(world);
    case 'back-to-back':
      return pushBackToBack(world);
    case 'many-files':
      await world.staging.edit(request.manyCount);
      return pushEverywhere(world);
    case 'rollback':
      return rollBackEverywhere(world);
  }
}

async function pushEverywhere({ scap, stock, commit }: World): Promise<Round> {
  const pushed = await scap.push();
  const rsync = { 'in-place': await stock.inPlace(), 'link-dest': await stock.linkDest() };
  const commitSeconds = await commit();
  return { scap: pushed, stock: { ...rsync, archive: await stock.archive() }, commitSeconds };
}

/** A script around git archive ends when there is nothing to commit: looking for changes is all it does. */
async function pushNothing({ scap, stock, commit }: World): Promise<Round> {
  const pushed = await scap.push();
  const rsync = { 'in-place': await stock.inPlace(), 'link-dest': await stock.linkDest() };
  const seconds = await commit();
  return { scap: pushed, stock: { ...rsync, archive: { seconds, flushedSeconds: seconds } } };
}

async function pushBackToBack({ scap, stock, staging }: World): Promise<Round> {
  const [path = ''] = await staging.edit(1);
  await scap.pushWithoutWaiting();
  staging.editAgain(path);
  const pushed = await scap.push({ atOnce: true });
  // Not measured: they have done this work in the job before. Later jobs shall find everybody up to date.
  await stock.inPlace();
  await stock.linkDest();
  return { scap: pushed, stock: {} };
}

/** One file is deployed and taken back. In place there is no way back but deploying the older content. */
async function rollBackEverywhere({ scap, stock, staging }: World): Promise<Round> {
  const [path = ''] = await staging.edit(1);
  const before = scap.readLive(path);
  await scap.push();
  await stock.inPlace();
  await stock.linkDest();
  const rolledBack = await scap.rollback();
  staging.putBack(path, before);
  return {
    scap: rolledBack,
    stock: {
      'in-place': await stock.inPlace(),
      'link-dest': await stock.switchBack('link-dest'),
      archive: await stock.switchBack('archive'),
    },
  };
}

/** Sizes take turns as the tools do, so that what else the machine does hits them alike. */
async function measureRollbacks(
  world: World,
  { rollbackSizes, runs }: BenchRequest,
  say: Say,
): Promise<SizedRollback[]> {
  const sizes: (SizedRollback & { staging: Staging; fleet: ScapSide; scap: ScapSample[] })[] = [];
  for (const fileCount of rollbackSizes) {
    say(`making and pushing a staging tree of ${fileCount} files for rollback`);
    const { staging, scap: fleet } = await world.createSized(fileCount);
    await fleet.push();
    sizes.push({ fileCount, staging, fleet, scap: [] });
  }
  for (let i = 1; i <= runs; i++) {
    for (const { fileCount, staging, fleet, scap } of sizes) {
      await staging.edit(1);
      await fleet.push();
      const sample = await fleet.rollback();
      say(`rollback of ${fileCount} files ${i} of ${runs}: scap ${formatSeconds(sample.seconds)}`);
      scap.push(sample);
    }
  }
  return sizes.map(({ fileCount, scap }) => ({ fileCount, scap }));
}

function toJobResult(job: JobName, { manyCount }: BenchRequest, rounds: readonly Round[]): JobResult {
  const titles: Readonly<Record<JobName, string>> = {
    first: 'first push',
    'no-change': 'no-change push',
    'one-file': 'one-file push, targets idle',
    'back-to-back': 'one-file push, back to back',
    'many-files': `${manyCount.toLocaleString('en-US')}-file push`,
    rollback: 'rollback',
  };
  const of = (tool: StockTool) => rounds.flatMap(({ stock }) => stock[tool] ?? []);
  return {
    job,
    title: titles[job],
    scap: rounds.map(({ scap }) => scap),
    stock: { 'in-place': of('in-place'), 'link-dest': of('link-dest'), archive: of('archive') },
    commitSeconds: rounds.flatMap(({ commitSeconds }) => commitSeconds ?? []),
  };
}

function describeRound({ scap, stock }: Round): string {
  const stockTexts = Object.entries(stock).flatMap(([tool, sample]) =>
    sample === undefined ? [] : [`${tool} ${formatSeconds(sample.seconds)}`],
  );
  return [`scap ${formatSeconds(scap.seconds)}`, ...stockTexts].join(', ');
}
