import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../../program/run-program.ts';
import { commitStaging, createStagingRepository } from '../commit-staging.ts';
import { Staging } from '../staging.ts';
import type { MeasureTreesOptions } from './measure-flatten.ts';
import { type Strategy, TargetSide } from './target-side.ts';

/** Seconds of making one revision after a change of so many files, by everybody. */
export interface RevisionRow {
  readonly changed: number;
  /** Recycling with its look at the spare. */
  readonly scap: Readonly<Record<Strategy, readonly number[]>>;
  /** Of recycling, the look. */
  readonly look: readonly number[];
  readonly gitArchive: readonly number[];
  /** `cp -al` of the last tree, then rsync over it. */
  readonly copyAndRsync: readonly number[];
  readonly linkDest: readonly number[];
  /** `undefined` when OSTree is not installed. */
  readonly ostreeCheckout: readonly number[] | undefined;
}

export interface RevisionResult {
  readonly fileCount: number;
  readonly totalBytes: number;
  readonly rows: readonly RevisionRow[];
  /** A walk that looks at every file and does nothing else (`find`), in seconds. */
  readonly walk: readonly number[];
}

const versionCount = 3;
/** Pushes until a target recycles what its retention gives up: it keeps two revisions. */
const warmUps = 3;

/**
 * Measures the making of revisions at one size of the tree. Leaves everything where it is: a file system that has just deleted much is slow for
 * whoever is measured next.
 */
export async function measureRevisions(
  fileCount: number,
  changes: readonly number[],
  options: MeasureTreesOptions,
): Promise<RevisionResult> {
  const { request, directory, signal, say } = options;
  mkdirSync(directory);
  const staging = new Staging(join(directory, 'staging'), signal);
  const totalBytes = fileCount * request.meanBytes;
  say(`revisions: making a tree of ${fileCount} files`);
  await staging.generate(fileCount, totalBytes, versionCount);
  const target = new TargetSide(join(directory, 'scap'), staging.path, signal);
  const stock = new StockTrees(staging.path, options);
  await target.first();
  await stock.first();
  const rows: RevisionRow[] = [];
  for (const changed of changes) rows.push(await measureChange(changed, { staging, target, stock }, options));
  const walk: number[] = [];
  for (let run = 0; run < request.runs; run++) walk.push(await stock.walk());
  return { fileCount, totalBytes, rows, walk };
}

interface Sides {
  readonly staging: Staging;
  readonly target: TargetSide;
  readonly stock: StockTrees;
}

async function measureChange(
  changed: number,
  { staging, target, stock }: Sides,
  { request, hasOstree, say, signal, directory }: MeasureTreesOptions,
): Promise<RevisionRow> {
  const scap: Record<Strategy, number[]> = { recycle: [], link: [], archive: [] };
  const look: number[] = [];
  const times = {
    gitArchive: [] as number[],
    copyAndRsync: [] as number[],
    linkDest: [] as number[],
    ostreeCheckout: [] as number[],
  };
  const settle = () => runProgram(['sync', '-f', directory], { signal });
  await warmUp(staging, target);
  for (let run = 0; run < request.runs; run++) {
    await staging.edit(changed);
    await target.capture();
    await settle();
    const { lookS, makeS } = await target.make('recycle');
    scap.recycle.push(lookS + makeS);
    look.push(lookS);
    await target.serve();
    await stock.commit();
    for (const tool of ['gitArchive', 'copyAndRsync', 'linkDest'] as const) {
      await settle();
      times[tool].push(await stock[tool]());
    }
    if (hasOstree) times.ostreeCheckout.push(await stock.ostreeCheckout());
  }
  // These take away what recycling lives on.
  for (let run = 0; run < request.runs; run++) {
    await staging.edit(changed);
    await target.capture();
    await target.make('recycle');
    for (const strategy of ['link', 'archive'] as const) {
      await settle();
      scap[strategy].push((await target.make(strategy)).makeS);
    }
    await target.serve();
  }
  const shown = (values: readonly number[]) => values.map((value) => value.toFixed(2)).join(', ');
  say(
    `revisions, ${changed} changed: recycle ${shown(scap.recycle)}; link ${shown(scap.link)}; archive ${shown(scap.archive)}`,
  );
  return { changed, scap, look, ...times, ostreeCheckout: hasOstree ? times.ostreeCheckout : undefined };
}

/** A few pushes, and the target recycles what its retention gives up, as it does from day to day. */
async function warmUp(staging: Staging, target: TargetSide): Promise<void> {
  for (let push = 0; push < warmUps; push++) {
    await staging.edit(1);
    await target.capture();
    await target.make('recycle');
    await target.serve();
  }
}

/** The stock tools, each with its trees in a directory of its own; only the last two are kept. */
class StockTrees {
  readonly #staging: string;
  readonly #options: MeasureTreesOptions;
  #count = 0;

  constructor(staging: string, options: MeasureTreesOptions) {
    this.#staging = staging;
    this.#options = options;
  }

  async first(): Promise<void> {
    for (const tool of ['archive', 'copy', 'link', 'ostree']) mkdirSync(this.#at(tool), { recursive: true });
    await createStagingRepository(this.#git());
    await this.#run('rsync', '-a', `${this.#staging}/`, `${this.#at('copy')}/0/`);
    await this.#run('rsync', '-a', `${this.#staging}/`, `${this.#at('link')}/0/`);
    if (!this.#options.hasOstree) return;
    await this.#run('ostree', `--repo=${this.#at('ostree-repo')}`, 'init', '--mode=bare-user-only');
    await this.#ostreeCommit();
  }

  /** What comes before git archive and ostree checkout; in nobody's figures. */
  async commit(): Promise<void> {
    this.#count++;
    await commitStaging(this.#git());
    if (this.#options.hasOstree) await this.#ostreeCommit();
  }

  async gitArchive(): Promise<number> {
    const into = this.#next('archive');
    mkdirSync(into);
    const script = 'git --git-dir="$1" archive HEAD | tar -x -C "$2"';
    return this.#run('bash', '-o', 'pipefail', '-c', script, 'bash', this.#git().repository, into);
  }

  async copyAndRsync(): Promise<number> {
    const [from, into] = [this.#last('copy'), this.#next('copy')];
    const copied = await this.#run('cp', '-al', from, into);
    return copied + (await this.#run('rsync', '-a', '--delete', `${this.#staging}/`, `${into}/`));
  }

  async linkDest(): Promise<number> {
    const [from, into] = [this.#last('link'), this.#next('link')];
    return this.#run('rsync', '-a', `--link-dest=${from}`, `${this.#staging}/`, `${into}/`);
  }

  async ostreeCheckout(): Promise<number> {
    return this.#run(
      'ostree',
      `--repo=${this.#at('ostree-repo')}`,
      'checkout',
      '-H',
      '-U',
      'main',
      this.#next('ostree'),
    );
  }

  walk(): Promise<number> {
    return this.#run('find', this.#staging, '-newermt', '2100-01-01');
  }

  #ostreeCommit(): Promise<number> {
    const tree = `--tree=dir=${this.#staging}`;
    return this.#run('ostree', `--repo=${this.#at('ostree-repo')}`, 'commit', '--branch=main', '--subject=Bench', tree);
  }

  #git() {
    return { repository: this.#at('git'), staging: this.#staging, signal: this.#options.signal };
  }

  #at(name: string): string {
    return join(this.#options.directory, 'stock', name);
  }

  #last(tool: string): string {
    const names = readdirSync(this.#at(tool)).map(Number);
    return join(this.#at(tool), String(Math.max(...names)));
  }

  #next(tool: string): string {
    return join(this.#at(tool), String(this.#count));
  }

  async #run(...argv: [string, ...string[]]): Promise<number> {
    const { seconds } = await runProgram(argv, { signal: this.#options.signal });
    return seconds;
  }
}
