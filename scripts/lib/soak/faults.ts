// What goes wrong in a soak. Each fault strikes one host, or the deploy process, before a push or in the middle of one.
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetHost } from '../fleet/fleet.mjs';
import { drawBelow, pick, type Random } from '../prng.ts';
import type { RunningPush, SoakWorld } from './soak-world.ts';

const idlePatienceMs = 5000;

/** Where a fault strikes. */
export interface Victim {
  readonly world: SoakWorld;
  readonly host: FleetHost;
  readonly random: Random;
}

export type Fault =
  | { readonly when: 'before'; readonly strike: (victim: Victim) => void | Promise<void> }
  /** Returns what must be done when the push has ended. */
  | {
      readonly when: 'during';
      readonly strike: (victim: Victim, push: RunningPush) => Promise<(() => void | Promise<void>) | undefined>;
    };

export const faults: Readonly<Record<string, Fault>> = {
  'agent killed': { when: 'during', strike: async (victim) => void signalSome(victim, isAgent, 'SIGKILL') },
  'session killed': { when: 'during', strike: async (victim) => void signalSome(victim, isSession, 'SIGKILL') },
  'agent stopped': { when: 'during', strike: stopAgent },
  'host lost': { when: 'during', strike: loseHost },
  'deploy killed': { when: 'during', strike: async (_victim, { pid }) => void signalPid(pid, 'SIGKILL') },
  interrupted: { when: 'during', strike: async (_victim, { pid }) => void signalPid(pid, 'SIGINT') },
  'interrupted twice': { when: 'during', strike: interruptTwice },
  litter: { when: 'before', strike: leaveLitter },
  'file replaced': { when: 'before', strike: replaceFile },
  'file edited': { when: 'before', strike: editFile },
};

const isAgent = (program: string, commandLine: string) =>
  !program.startsWith('sshd') && / serve --cache /.test(commandLine);
const isSession = (program: string) => program.startsWith('sshd');

/** Signals the processes of a host that are meant; returns their ids. */
function signalSome(
  { world, host }: Victim,
  isMeant: (program: string, commandLine: string) => boolean,
  signal: NodeJS.Signals,
): number[] {
  const meant = world.processesOn(host).filter(({ program, commandLine }) => isMeant(program, commandLine));
  for (const { pid } of meant) signalPid(pid, signal);
  return meant.map(({ pid }) => pid);
}

async function stopAgent(victim: Victim) {
  const pids = signalSome(victim, isAgent, 'SIGSTOP');
  await sleep(200 + drawBelow(victim.random, 1300));
  for (const pid of pids) signalPid(pid, 'SIGCONT');
  return undefined;
}

async function loseHost({ host }: Victim) {
  await host.stop();
  return () => host.start();
}

async function interruptTwice({ random }: Victim, { pid }: RunningPush) {
  signalPid(pid, 'SIGINT');
  await sleep(drawBelow(random, 100));
  signalPid(pid, 'SIGINT');
  return undefined;
}

function leaveLitter({ host, random }: Victim): void {
  const work = join(host.cache, 'work');
  const name = `left-${drawBelow(random, 1e9)}`;
  mkdirSync(join(work, name, 'deep'), { recursive: true });
  writeFileSync(join(work, name, 'deep', 'file'), 'left over', { mode: 0o400 });
  writeFileSync(join(work, `bundle-${'0'.repeat(64)}`), 'half a bundle');
  if (random() < 0.5) writeFileSync(join(host.cache, 'state.json.123.scap-tmp'), '{');
}

/** As somebody with an editor does: another file under the same name. */
function replaceFile(victim: Victim): void {
  const path = pickServedFile(victim);
  if (path === undefined) return;
  unlinkSync(path);
  writeFileSync(path, 'tampered with');
}

/**
 * In place, so that every revision that shares the file's inode changes; half of the time with size and time as they were. That is noticed by the
 * file's ctime, and so only while scap itself does not move it: when an agent links files, or was killed while it did, the size changes.
 */
async function editFile(victim: Victim): Promise<void> {
  const isHidden = victim.random() < 0.5;
  if (isHidden) await awaitIdle(victim);
  const path = pickServedFile(victim);
  if (path === undefined) return;
  const { size, atimeMs, mtimeMs } = statSync(path);
  if (isHidden && size > 0 && isIdle(victim)) {
    writeFileSync(path, 'x'.repeat(size));
    utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
  } else {
    appendFileSync(path, 'tampered with');
  }
}

async function awaitIdle(victim: Victim): Promise<void> {
  for (let waitedMs = 0; !isIdle(victim) && waitedMs < idlePatienceMs; waitedMs += 50) await sleep(50);
}

function isIdle({ world, host }: Victim): boolean {
  const windows = join(host.cache, 'ctime-windows.json');
  const isOpen = existsSync(windows) && readFileSync(windows, 'utf8').includes('"to":null');
  return !isOpen && world.processesOn(host).length === 0;
}

function pickServedFile({ host, random }: Victim): string | undefined {
  if (!existsSync(host.live)) return undefined;
  const root = realpathSync(host.live);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => join(root, path))
    .filter((path) => lstatSync(path).isFile());
  return files.length === 0 ? undefined : pick(random, files.sort());
}

function signalPid(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
