import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fixedGitEnvironment } from '../fixed-git.ts';
import { runProgram } from '../program/run-program.ts';
import type { StockSample } from './measurements.ts';

const script = join(import.meta.dirname, 'stock-tools.sh');

export interface StockOptions {
  /** Where the directories of the three hosts go; created here. */
  readonly directory: string;
  readonly staging: string;
  /** The bare repository git archive reads. */
  readonly repository: string;
  readonly signal: AbortSignal;
}

/** Three hosts for each stock tool, served by `live` in each: a directory for rsync in place, else a link. */
export class StockSide {
  readonly #options: StockOptions;
  readonly #linked: string[] = [];
  readonly #archived: string[] = [];

  constructor(options: StockOptions) {
    this.#options = options;
    for (const tool of ['in-place', 'link-dest', 'archive']) {
      for (const host of ['web1', 'web2', 'web3']) mkdirSync(join(options.directory, tool, host), { recursive: true });
    }
  }

  /** `rsync -a --delete-delay --delay-updates` over what is served. */
  inPlace(): Promise<StockSample> {
    return this.#measure('in-place', this.#options.staging, this.#hosts('in-place'));
  }

  /** `rsync -a --link-dest` into a new directory, then a rename. */
  linkDest(): Promise<StockSample> {
    const previous = this.#linked.at(-1);
    const name = nextName(this.#linked);
    const more = previous === undefined ? [] : [previous];
    return this.#measure('link-dest', this.#options.staging, this.#hosts('link-dest'), name, ...more);
  }

  /** `git archive HEAD | tar -x` into a new directory, then a rename; the commit has been made. */
  archive(): Promise<StockSample> {
    return this.#measure('archive', this.#options.repository, this.#hosts('archive'), nextName(this.#archived));
  }

  /** Only the rename, to the directory before the last; `undefined` when there is none. The last one is forgotten. */
  async switchBack(tool: 'link-dest' | 'archive'): Promise<StockSample | undefined> {
    const names = tool === 'link-dest' ? this.#linked : this.#archived;
    const previous = names.at(-2);
    if (previous === undefined) return undefined;
    // The name stays taken: its directory is still there.
    names.unshift(names.pop() ?? '');
    return this.#measure('switch', this.#hosts(tool), previous);
  }

  #hosts(tool: string): string {
    return join(this.#options.directory, tool);
  }

  async #measure(...words: readonly string[]): Promise<StockSample> {
    const { directory, signal } = this.#options;
    const flush = () => runProgram(['sync', '-f', directory], { signal });
    await flush();
    const { seconds } = await runProgram([script, ...words], { signal, env: fixedGitEnvironment() });
    const flushed = await flush();
    return { seconds, flushedSeconds: seconds + flushed.seconds };
  }
}

/** Takes the next free name, `r1`, `r2` and so on. */
function nextName(names: string[]): string {
  const name = `r${names.length + 1}`;
  names.push(name);
  return name;
}
