import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Fleet, type FleetHost, startFleet } from '../fleet/fleet.mjs';
import { findHostProcesses, findServer, type ProcessEntry, readProcesses } from '../fleet/process-table.mjs';

const scap = fileURLToPath(new URL('../../../dist/scap.mjs', import.meta.url));
const noteMemory = new URL('./note-memory.mjs', import.meta.url).href;
const longestPushMs = 180_000;

/** How a push ended. */
export interface Push {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly durationMs: number;
  /** Of the deploy process; `undefined` when it was killed. */
  readonly peakKib: number | undefined;
  readonly stderr: string;
}

/** A push that is under way. */
export interface RunningPush {
  readonly pid: number;
  readonly done: Promise<Push>;
}

/** A deploy host and its SSH hosts, in a directory of their own. */
export interface SoakWorld extends AsyncDisposable {
  readonly staging: string;
  readonly state: string;
  readonly fleet: Fleet;
  /** Starts a push; `onEvent` is called for each event, with the number of those so far. A push that takes three minutes is killed. */
  startPush(onEvent?: (count: number) => void): RunningPush;
  /** All that runs on a host but its server. */
  processesOn(host: FleetHost): ProcessEntry[];
}

export async function createSoakWorld(directory: string, hosts: number): Promise<SoakWorld> {
  const staging = join(directory, 'staging');
  const state = join(directory, 'state');
  const memory = join(directory, 'peak');
  const fleet = await startFleet({ directory: join(directory, 'fleet'), hosts, mode: 'plain' });
  const config = readFileSync(fleet.config, 'utf8')
    .replace(/^staging: .*$/m, `staging: ${JSON.stringify(staging)}\nmaxShrink: 100%`)
    .replace(/^state: .*$/m, `state: ${JSON.stringify(state)}`)
    .replace(/^target: \{/m, 'target: {keepRevisions: 3, graceTime: 0s, ');
  const configPath = join(directory, 'scap.yaml');
  writeFileSync(configPath, config);
  mkdirSync(state);
  const running = new Set<ChildProcess>();
  const environment = {
    ...process.env,
    SCAP_CONFIG: configPath,
    SOAK_MEMORY: memory,
    NODE_OPTIONS: `--import=${noteMemory}`,
  };
  return {
    staging,
    state,
    fleet,
    startPush: (onEvent) => {
      rmSync(memory, { force: true });
      const child = spawn(process.execPath, [scap, 'push', '--events'], { cwd: directory, env: environment });
      running.add(child);
      const done = watch(child, memory, onEvent);
      void done.finally(() => running.delete(child)).catch(() => {});
      return { pid: child.pid ?? -1, done };
    },
    processesOn: ({ root, netns }) => {
      const marks = { root, netns };
      const table = readProcesses();
      const server = findServer(table, marks);
      return findHostProcesses(table, marks).filter(({ pid }) => pid !== server);
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of running) child.kill('SIGKILL');
      await fleet.stop();
    },
  };
}

function watch(child: ChildProcess, memory: string, onEvent: ((count: number) => void) | undefined): Promise<Push> {
  const startedAt = Date.now();
  let events = 0;
  let stderr = '';
  const timer = setTimeout(() => child.kill('SIGKILL'), longestPushMs);
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    for (let left = text.split('\n').length - 1; left > 0; left--) onEvent?.(++events);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      const durationMs = Date.now() - startedAt;
      resolve({ status, signal, durationMs, peakKib: readNumber(memory), stderr });
    });
  });
}

function readNumber(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
