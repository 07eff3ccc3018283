import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { awaitIdle } from '../../program/agents.ts';
import { runProgram } from '../../program/run-program.ts';
import { endedChildrenCpuSeconds } from '../proc-files.ts';
import { ProcessWatch } from '../process-watch.ts';
import { countNames, measureBytes, measureRepository, type RepositorySize } from './count-files.ts';
import type { GrowthRequest } from './parse-growth.ts';

/** How things stand after a push, when everybody is idle again. */
export interface ScapPush {
  /** The whole process, from outside. */
  readonly seconds: number;
  /** Processor seconds of the deploy process, of all agents, and of what they do after the push. */
  readonly cpuSeconds: number;
  readonly deployHost: {
    readonly repository: RepositorySize;
    readonly runLogs: number;
    readonly runLogBytes: number;
    /** `deploys.jsonl`. */
    readonly recordBytes: number;
    /** Everything else below the state directory. */
    readonly restBytes: number;
  };
  /** The first of three, which are alike. */
  readonly target: {
    readonly repository: RepositorySize;
    readonly revisions: number;
    /** Names in `work/` beside the spare. */
    readonly leftovers: number;
    readonly metaBytes: number;
    readonly stateBytes: number;
    readonly windowsBytes: number;
  };
}

const hostNames = ['web1', 'web2', 'web3'];

/** A deploy host and three local targets in a directory of their own. */
export class ScapPushes {
  readonly #program: string;
  readonly #directory: string;
  readonly #signal: AbortSignal;

  constructor(program: string, directory: string, staging: string, request: GrowthRequest, signal: AbortSignal) {
    mkdirSync(directory);
    this.#program = program;
    this.#directory = directory;
    this.#signal = signal;
    const hosts = hostNames.map((name) => `  ${name}: {cache: ./targets/${name}/cache, live: ./targets/${name}/live}`);
    const lines = [
      `staging: ${JSON.stringify(staging)}`,
      'state: ./state',
      `keepDeploys: ${request.keepDeploys}`,
      `target: {keepRevisions: ${request.keepRevisions}, graceTime: 0s}`,
      'hosts:',
      ...hosts,
    ];
    writeFileSync(join(directory, 'scap.yaml'), `${lines.join('\n')}\n`);
  }

  /** Pushes, as an operator does, and waits until nothing is at work any more. */
  async push(): Promise<ScapPush> {
    const directory = this.#directory;
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('SCAP_')));
    let watch: ProcessWatch | undefined;
    try {
      const before = endedChildrenCpuSeconds();
      const { seconds } = await runProgram([this.#program, 'push'], {
        cwd: directory,
        env,
        signal: this.#signal,
        onStart: (pid) => {
          watch = new ProcessWatch(pid);
        },
      });
      const own = endedChildrenCpuSeconds() - before;
      await awaitIdle(directory, this.#signal);
      const cpuSeconds = own + (watch?.outlivingCpuSeconds() ?? 0);
      return { seconds, cpuSeconds, ...measureSites(join(directory, 'state'), join(directory, 'targets/web1/cache')) };
    } finally {
      watch?.stop();
    }
  }
}

function measureSites(state: string, cache: string): Pick<ScapPush, 'deployHost' | 'target'> {
  const repository = measureRepository(join(state, 'repo.git'));
  const runLogBytes = measureBytes(join(state, 'logs'));
  const recordBytes = measureBytes(join(state, 'deploys.jsonl'));
  return {
    deployHost: {
      repository,
      runLogs: countNames(join(state, 'logs')),
      runLogBytes,
      recordBytes,
      restBytes: measureBytes(state) - repository.bytes - runLogBytes - recordBytes,
    },
    target: {
      repository: measureRepository(join(cache, 'repo.git')),
      revisions: countNames(join(cache, 'revs')),
      leftovers: countNames(join(cache, 'work'), ['spare']),
      metaBytes: measureBytes(join(cache, 'meta')),
      stateBytes: measureBytes(join(cache, 'state.json')),
      windowsBytes: measureBytes(join(cache, 'ctime-windows.json')),
    },
  };
}
