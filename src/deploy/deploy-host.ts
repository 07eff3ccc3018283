/**
 * What every operation of the deploy host needs, put together once by whoever runs it.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { isSystemError, ScapError } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import type { EventBus } from '../events/event.ts';
import type { Host } from '../inventory/host.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { type DeployRepository, openDeployRepository } from '../revision/deploy-repository.ts';
import { temporarySuffix, writeFileAtomic } from '../system/atomic-file.ts';
import { takeLock } from '../system/file-lock.ts';
import type { Transport } from '../transport/transport.ts';
import { recordAbortedRuns } from './aborted-runs.ts';
import type { CommandRegistry, CommandWorld } from './commands/command.ts';
import { createFleet, type Fleet } from './fleet.ts';
import type { StateLayout } from './state-layout.ts';

export interface DeployHost {
  readonly config: Config;
  readonly inventory: Inventory;
  readonly layout: StateLayout;
  readonly transports: ReadonlyMap<string, Transport>;
  readonly commands: CommandRegistry;
  readonly bus: EventBus;
  readonly signal: AbortSignal;
  /** Has the deploy repository maintained by another process, soon. Without it, runs do it themselves before they return. */
  readonly maintainLater?: (() => void) | undefined;
  /** Who acts, and on which machine. */
  readonly operator: { readonly user: string; readonly host: string };
}

/** A deploy repository opened for reading; nothing is created. */
export function openForReading({ layout }: DeployHost): Promise<DeployRepository> {
  return openDeployRepository(layout.repo, { create: false });
}

/** How many hosts work at once. */
export const hostConcurrency = 200;

/** These targets, by default every one of the inventory, not yet connected to. */
export function openFleet(host: DeployHost, hosts: readonly Host[] = host.inventory.hosts): Fleet {
  return createFleet({
    hosts,
    transports: host.transports,
    bus: host.bus,
    connectTimeoutMs: host.config.timeouts.connectMs,
    // Transports limit how many connections they set up at once themselves.
    connectConcurrency: host.config.ssh.maxSessions,
    signal: host.signal,
  });
}

/** What commands may look at. */
export function commandWorld({ config, inventory }: DeployHost, repository: DeployRepository): CommandWorld {
  const hosts = new Map<HostName, Host>(inventory.hosts.map((host) => [host.name, host]));
  return { repository, hosts, timeouts: config.timeouts };
}

export interface LockRequest {
  /** Told to whoever finds the lock held. */
  readonly reason: string;
  readonly waitMs: number;
}

/**
 * Runs `work` as the one writer of this state directory. Throws `lock_held` or `hold_placed`. Before, what a killed run
 * left unfinished is swept, and the run recorded as aborted: also when there turns out to be nothing to do.
 */
export async function asWriter<T>(
  host: DeployHost,
  request: LockRequest,
  work: (repository: DeployRepository) => Promise<T>,
): Promise<T> {
  const { layout, bus, operator, signal } = host;
  for (const directory of [layout.state, layout.logs, layout.work]) mkdirSync(directory, { recursive: true });
  using _lock = await takeLock(layout.lock, {
    ...request,
    signal,
    onWait: (holder) =>
      holder &&
      bus.emit('lock.awaited', { user: holder.user, pid: holder.pid, since: holder.since, reason: holder.reason }),
  });
  refuseHold(readHold(layout));
  sweepWork(layout);
  recordAbortedRuns(layout, operator.host);
  try {
    return await work(await openDeployRepository(layout.repo, { create: true }));
  } finally {
    // Bundles may be as large as the tree. What cannot be removed now, the next run sweeps: it must not hide how the work ended.
    attempt(() => sweepWork(layout));
  }
}

function sweepWork({ state, work }: StateLayout): void {
  for (const name of readdirSync(work)) rmSync(join(work, name), { recursive: true, force: true });
  for (const name of readdirSync(state)) if (name.endsWith(temporarySuffix)) rmSync(join(state, name), { force: true });
}

function attempt(work: () => void): void {
  try {
    work();
  } catch {}
}

/** A standing order that nothing is deployed. */
export interface Hold {
  readonly user: string;
  readonly host: string;
  /** ISO 8601, UTC. */
  readonly since: string;
  readonly reason: string;
}

export function readHold(layout: StateLayout): Hold | undefined {
  try {
    return JSON.parse(readFileSync(layout.hold, 'utf8')) as Hold;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    if (error instanceof SyntaxError)
      return { user: 'unknown', host: 'unknown', since: '', reason: `"${layout.hold}" is not readable` };
    throw error;
  }
}

/** Places a hold, or gives one's own another reason. Throws `hold_placed` when somebody else has placed one: both must be lifted. */
export function placeHold({ layout, operator }: DeployHost, reason: string): Hold {
  mkdirSync(layout.state, { recursive: true });
  const before = readHold(layout);
  if (before !== undefined && (before.user !== operator.user || before.host !== operator.host)) {
    throw new ScapError('hold_placed', `Cannot place a hold: ${describeHold(before)}`, {
      hint: 'It forbids deploys already; when it is lifted (scap unlock), place your own',
      data: { ...before },
    });
  }
  const hold = { ...operator, since: new Date().toISOString(), reason };
  writeFileAtomic(layout.hold, `${JSON.stringify(hold)}\n`);
  return hold;
}

/** Takes the hold away; returns it, or `undefined` when there was none. */
export function liftHold({ layout }: DeployHost): Hold | undefined {
  const hold = readHold(layout);
  rmSync(layout.hold, { force: true });
  return hold;
}

function describeHold({ user, host, since, reason }: Hold): string {
  return `${user} on ${host} placed a hold on ${since}: ${reason}`;
}

function refuseHold(hold: Hold | undefined): void {
  if (hold === undefined) return;
  throw new ScapError('hold_placed', `Cannot deploy: ${describeHold(hold)}`, {
    hint: 'When the reason is gone, lift it with: scap unlock',
    data: { ...hold },
  });
}
