import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { awaitIdle } from '../program/agents.ts';
import { type Finished, runProgram } from '../program/run-program.ts';
import { compareListings, describeListing } from './compare-listings.ts';
import { listTree, type TreeListing, toExpected } from './list-tree.ts';
import type { Transcript } from './transcript.ts';

const scapProgram = join(import.meta.dirname, '../../../bin/scap');

/** The embedded fleet of three local targets, seen from outside: real calls of `bin/scap`, and the live paths. */
export class Farm {
  readonly staging: string;
  readonly #directory: string;
  readonly #transcript: Transcript;
  readonly #signal: AbortSignal;

  constructor(directory: string, transcript: Transcript, signal: AbortSignal) {
    this.#directory = directory;
    this.staging = join(directory, 'staging');
    this.#transcript = transcript;
    this.#signal = signal;
  }

  /** Calls scap in the working directory, prints its result and the time, and waits until the targets are idle. */
  async scap(...args: string[]): Promise<Finished> {
    const options = { cwd: this.#directory, env: withoutScapVariables(), signal: this.#signal };
    this.#transcript.say(`$ scap ${args.join(' ')}`);
    const finished = await runProgram([scapProgram, ...args], options);
    this.#transcript.say(`${finished.stdout}(${finished.seconds.toFixed(2)} s)`);
    await awaitIdle(this.#directory, this.#signal);
    return finished;
  }

  /** Reads every byte of the staging tree and says what targets must hold. `.git` at any depth and `.scap` stay behind. */
  expected(): TreeListing {
    const isLeftOut = (path: string) => path === '.scap' || path === '.git' || path.endsWith('/.git');
    return toExpected(listTree(this.staging, isLeftOut));
  }

  /** Compares every byte, type, link target and mode of all three live paths. Of them only `.scap` at the root is passed over. */
  async checkTargets(what: string, expected: TreeListing): Promise<void> {
    for (const host of ['web1', 'web2', 'web3']) {
      await this.#transcript.check(`${what}: ${host}, hashes, types, links, modes`, () => {
        const found = listTree(this.live(host), (path) => path === '.scap');
        return { problems: compareListings(expected, found), detail: describeListing(found) };
      });
    }
  }

  /** Compares a second time with another program: `diff -r`. */
  async diffTargets(what: string): Promise<void> {
    for (const host of ['web1', 'web2', 'web3']) {
      const options = ['-r', '--no-dereference', '-x', '.git', '-x', '.scap'] as const;
      await this.#transcript.check(`${what}: ${host}, diff -r`, async () => {
        const argv = ['diff', ...options, this.staging, `${this.live(host)}/`] as const;
        const { stdout } = await runProgram(argv, { signal: this.#signal, okStatuses: [0, 1] });
        const problems = stdout.split('\n').filter((line) => /^(Only in|diff |Binary|File|Symbolic)/.test(line));
        return { problems, detail: `diff ${options.join(' ')}` };
      });
    }
  }

  live(host: string): string {
    return join(this.#directory, '.scap/targets', host, 'live');
  }

  /** Where the three live paths lead, for telling whether anything moved. */
  liveLinks(): string {
    return ['web1', 'web2', 'web3'].map((host) => readlinkSync(this.live(host))).join(' ');
  }
}

function withoutScapVariables(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SCAP_')));
}
