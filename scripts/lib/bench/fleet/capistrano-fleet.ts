import { mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fixedGitEnvironment } from '../../fixed-git.ts';
import { ScriptFailure } from '../../program/async-script.ts';
import { runProgram } from '../../program/run-program.ts';
import { commitStaging, createStagingRepository, type StagingRepository } from '../commit-staging.ts';
import { capistranoFiles, deployTo, temporary } from './capistrano-files.ts';
import { measureProgram } from './measure-program.ts';
import { type Change, servedSkewMs } from './served-change.ts';
import type { StockFleetOptions, StockPush } from './stock-fleet.ts';

/** Finds Capistrano; `undefined` when it is not installed. */
export async function findCapistrano(signal: AbortSignal): Promise<string | undefined> {
  const { stdout } = await runProgram(['bash', '-c', 'type -P cap'], { signal, okStatuses: [0, 1] });
  return stdout.trim() || undefined;
}

/** Capistrano's side of a fleet in namespaces: it deploys commits of a bare repository on this machine. */
export class CapistranoFleet {
  readonly #program: string;
  readonly #options: StockFleetOptions;
  readonly #project: string;
  readonly #repository: StagingRepository;
  /** Why it is not measured any more. */
  #failure: string | undefined;

  private constructor(program: string, options: StockFleetOptions) {
    const { fleet, staging, directory, signal } = options;
    this.#program = program;
    this.#options = options;
    this.#project = join(directory, 'capistrano');
    this.#repository = { repository: join(directory, 'capistrano.git'), staging, signal };
    for (const { root } of fleet.hosts) mkdirSync(join(root, temporary.name));
    for (const [path, text] of Object.entries(capistranoFiles(fleet, this.#repository.repository))) {
      mkdirSync(dirname(join(this.#project, path)), { recursive: true });
      writeFileSync(join(this.#project, path), text);
    }
  }

  static async create(program: string, options: StockFleetOptions): Promise<CapistranoFleet> {
    const created = new CapistranoFleet(program, options);
    await createStagingRepository(created.#repository);
    return created;
  }

  /** What it said when it failed; from then on `push` does nothing. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Commits what changed, which is not measured. */
  async commit(): Promise<void> {
    if (this.#failure === undefined) await commitStaging(this.#repository);
  }

  /** Deploys the last commit. That it cannot is no failure of the bench. */
  async push(change?: Change): Promise<StockPush | undefined> {
    if (this.#failure !== undefined) return undefined;
    const { signal } = this.#options;
    try {
      const argv = [this.#program, 'production', 'deploy'] as const;
      const { seconds, cpuSeconds } = await measureProgram(argv, {
        cwd: this.#project,
        env: fixedGitEnvironment(),
        signal,
      });
      return { seconds, cpuSeconds, skewMs: change && this.#skewMs(change) };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ScriptFailure)) throw error;
      this.#failure = error.message;
      return undefined;
    }
  }

  #skewMs(change: Change): number {
    const places = this.#options.fleet.hosts.map(({ root }) => {
      const current = join(root, deployTo.name, 'current');
      // The link leads to a path that only the host has.
      const release = join(root, deployTo.name, 'releases', basename(readlinkSync(current)));
      return { file: join(release, change.path), switched: current };
    });
    return servedSkewMs(places, change);
  }
}
