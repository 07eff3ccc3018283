import { join } from 'node:path';
import { commitStaging, createStagingRepository, type StagingRepository } from './commit-staging.ts';
import type { BenchRequest } from './parse-arguments.ts';
import { releaseScap, ScapSide } from './scap-side.ts';
import { Staging } from './staging.ts';
import { StockSide } from './stock-side.ts';

/** What jobs work with: one staging tree, and everybody's three hosts. */
export interface World {
  readonly staging: Staging;
  scap: ScapSide;
  stock: StockSide;
  /** Gives everybody new, empty hosts. What was there stays: deleting it would slow down what comes next. */
  renewHosts(): void;
  /** Makes a tree of another size with an own fleet of scap. */
  createSized(fileCount: number): Promise<{ staging: Staging; scap: ScapSide }>;
  /** Commits for git archive; returns seconds. */
  commit(): Promise<number>;
}

/** Makes the staging tree, the program, the repository for git archive and a first set of hosts. */
export async function createWorld(
  directory: string,
  request: BenchRequest,
  signal: AbortSignal,
  say: (text: string) => void,
): Promise<World> {
  say(`making a staging tree of ${request.fileCount} files`);
  const staging = new Staging(join(directory, 'staging'), signal);
  await staging.generate(request.fileCount, request.totalBytes, request.versionCount);
  say('committing it for git archive');
  const repository = join(directory, 'archive.git');
  const committed: StagingRepository = { repository, staging: staging.path, signal };
  await createStagingRepository(committed);
  const program = await releaseScap(join(directory, 'program'), signal);
  let generation = 0;
  const newScap = () => new ScapSide(program, join(directory, `scap-${generation}`), staging.path, signal);
  const newStock = () => {
    const hosts = join(directory, `stock-${generation}`);
    return new StockSide({ directory: hosts, staging: staging.path, repository, signal });
  };
  const world: World = {
    staging,
    scap: newScap(),
    stock: newStock(),
    renewHosts() {
      generation++;
      world.scap = newScap();
      world.stock = newStock();
    },
    async createSized(fileCount) {
      const sized = new Staging(join(directory, `staging-${fileCount}`), signal);
      const totalBytes = (request.totalBytes / request.fileCount) * fileCount;
      await sized.generate(fileCount, totalBytes, request.versionCount);
      const scap = new ScapSide(program, join(directory, `scap-of-${fileCount}`), sized.path, signal);
      return { staging: sized, scap };
    },
    commit: () => commitStaging(committed),
  };
  return world;
}
