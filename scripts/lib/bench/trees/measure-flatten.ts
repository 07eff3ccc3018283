import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../../program/run-program.ts';
import { commitStaging, createStagingRepository } from '../commit-staging.ts';
import { Staging } from '../staging.ts';
import type { TreesRequest } from './parse-trees.ts';

/** Seconds of the same change by everybody. */
export interface FlattenRow {
  readonly change: string;
  readonly scap: readonly number[];
  /** A walk of the tree that looks at every file and does nothing else: `find`. */
  readonly walk: readonly number[];
  readonly gitCommit: readonly number[];
  /** `undefined` when OSTree is not installed. */
  readonly ostreeCommit: readonly number[] | undefined;
}

export interface FlattenResult {
  readonly fileCount: number;
  readonly rows: readonly FlattenRow[];
}

export interface MeasureTreesOptions {
  readonly request: TreesRequest;
  /** To be created; nothing of it is deleted here. */
  readonly directory: string;
  /** Whether OSTree can be measured. */
  readonly hasOstree: boolean;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

const versionCount = 3;
const tsx = join(import.meta.dirname, '../../../../node_modules/.bin/tsx');
const flattenOnce = join(import.meta.dirname, 'flatten-once.ts');

/** Measures flattening at one size of the tree. */
export async function measureFlatten(fileCount: number, options: MeasureTreesOptions): Promise<FlattenResult> {
  const { request, directory, signal, say } = options;
  mkdirSync(directory);
  const staging = new Staging(join(directory, 'staging'), signal);
  say(`flatten: making a tree of ${fileCount} files`);
  await staging.generate(fileCount, fileCount * request.meanBytes, versionCount);
  const sides = createSides(staging.path, options);
  const measure = async (change: string, runs: number, edit: () => Promise<unknown>): Promise<FlattenRow> => {
    const seconds: Record<keyof typeof sides, number[]> = { scap: [], walk: [], gitCommit: [], ostreeCommit: [] };
    for (let run = 0; run < runs; run++) {
      await edit();
      for (const [name, side] of Object.entries(sides) as [keyof typeof sides, (typeof sides)[keyof typeof sides]][]) {
        await runProgram(['sync', '-f', directory], { signal });
        const took = await side?.();
        if (took !== undefined) seconds[name].push(took);
      }
    }
    say(`flatten, ${fileCount} files, ${change}: scap ${seconds.scap.map((s) => s.toFixed(2)).join(', ')} s`);
    return { change, ...seconds, ostreeCommit: sides.ostreeCommit && seconds.ostreeCommit };
  };
  const rows = [await measure('first import', 1, async () => {})];
  // Files that are younger than two seconds are read again by anybody who is careful.
  await new Promise((resolve) => setTimeout(resolve, 3000));
  rows.push(await measure('nothing', 1, async () => {}));
  rows.push(await measure('no change', request.runs, async () => {}));
  for (const count of new Set([1, Math.min(2000, Math.floor(fileCount / 4))]))
    rows.push(await measure(count === 1 ? 'one file' : `${count} files`, request.runs, () => staging.edit(count)));
  // The first look after an import finds the youngest files once more; it is not what is asked for.
  return { fileCount, rows: rows.filter(({ change }) => change !== 'nothing') };
}

function createSides(staging: string, { directory, hasOstree, signal }: MeasureTreesOptions) {
  const seconds = async (...argv: [string, ...string[]]) => (await runProgram(argv, { signal })).seconds;
  const git = { repository: join(directory, 'git'), staging, signal };
  let hasRepository = false;
  const ostree = join(directory, 'ostree');
  return {
    scap: async () => {
      const { stdout } = await runProgram([tsx, flattenOnce, join(directory, 'state'), staging], { signal });
      return (JSON.parse(stdout) as { seconds: number }).seconds;
    },
    walk: () => seconds('find', staging, '-newermt', '2100-01-01'),
    gitCommit: async () => {
      if (hasRepository) return commitStaging(git);
      hasRepository = true;
      return createStagingRepository(git);
    },
    ostreeCommit: hasOstree
      ? async () => {
          await runProgram(['ostree', `--repo=${ostree}`, 'init', '--mode=bare-user-only'], { signal });
          return seconds(
            'ostree',
            `--repo=${ostree}`,
            'commit',
            '--branch=main',
            '--subject=Bench',
            `--tree=dir=${staging}`,
          );
        }
      : undefined,
  };
}
