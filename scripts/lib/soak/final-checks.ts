import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ScriptFailure } from '../program/async-script.ts';
import { runProgram } from '../program/run-program.ts';
import { hashTree } from './hash-tree.ts';
import type { SoakWorld } from './soak-world.ts';

const patienceMs = 60_000;
/** Memory may grow by so much from the first to the last pushes. */
const allowedGrowth = 1.2;

/** Waits until nothing runs on any host but its server. @throws ScriptFailure when something still does after a minute. */
export async function awaitQuiet({ fleet, processesOn }: SoakWorld, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const left = fleet.hosts.flatMap((host) =>
      processesOn(host).map(({ pid, commandLine }) => `${pid} ${commandLine}`),
    );
    if (left.length === 0) return;
    if (Date.now() > deadline) throw violated(`processes were left on hosts:\n  ${left.join('\n  ')}`);
    await sleep(50, undefined, { signal });
  }
}

/** Every host serves the same bytes with the same times, and nothing is left over. @throws ScriptFailure naming the first thing that is not so. */
export async function checkEnd({ fleet, staging, state }: SoakWorld, signal: AbortSignal): Promise<void> {
  const wanted = hashTree(staging);
  const seen = new Map<string, string[]>();
  for (const { name, cache, live } of fleet.hosts) {
    const root = realpathSync(live);
    if (hashTree(root) !== wanted) throw violated(`${name} does not serve what was pushed: ${root}`);
    const full = hashTree(root, { times: true });
    seen.set(full, [...(seen.get(full) ?? []), name]);
    const work = join(cache, 'work');
    const left = readdirSync(work).filter((entry) => entry !== 'spare' || !existsSync(join(work, entry, 'ready.json')));
    refuseLeft(`work/ of ${name}`, left);
    refuseLeft(
      `the cache of ${name}`,
      readdirSync(cache).filter((entry) => entry.endsWith('.scap-tmp')),
    );
    const spare = join(work, 'spare/tree');
    if (existsSync(spare) && hashTree(spare) !== wanted) throw violated(`the spare of ${name} is not what is live`);
    await checkRepository(name, join(cache, 'repo.git'), signal);
  }
  if (seen.size !== 1)
    throw violated(`file times differ: ${[...seen.values()].map((names) => names.join(', ')).join(' / ')}`);
  refuseLeft('work/ of the deploy host', readdirSync(join(state, 'work')));
  await checkRepository('the deploy host', join(state, 'repo.git'), signal);
}

/**
 * Compares medians: the push that forgets old deploys, one in twelve once there are enough of them, needs a third more than the others.
 *
 * @throws ScriptFailure when the last pushes needed over 20 % more than the first
 */
export function checkMemory(first: readonly number[], last: readonly number[]): void {
  const [before, after] = [median(first), median(last)];
  if (after > before * allowedGrowth) throw violated(`memory grew from ${before} to ${after} KiB`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function refuseLeft(where: string, names: readonly string[]): void {
  if (names.length > 0) throw violated(`${where} holds ${names.join(', ')}`);
}

async function checkRepository(whose: string, gitDir: string, signal: AbortSignal): Promise<void> {
  const locks = readdirSync(gitDir, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\.lock$|\/tmp_/.test(path),
  );
  refuseLeft(`the repository of ${whose}`, locks);
  const argv = ['git', '--git-dir', gitDir, 'fsck', '--full', '--no-dangling', '--no-progress'] as const;
  const { stdout } = await runProgram(argv, { signal });
  if (stdout.trim() !== '') throw violated(`git fsck on ${whose}: ${stdout}`);
}

export function violated(what: string): ScriptFailure {
  return new ScriptFailure(`Soak failed: ${what}`, 'Run it again with the same --seed and --keep');
}
