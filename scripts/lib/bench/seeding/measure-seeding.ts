import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../../program/run-program.ts';
import { startHosts, stopHosts } from '../fleet/hosts.ts';
import { awaitIdleHosts } from '../fleet/hosts-idle.ts';
import { ScapFleet, type ScapSeeding } from '../fleet/scap-fleet.ts';
import { StockFleet, type StockFleetOptions } from '../fleet/stock-fleet.ts';
import { withEgress } from './egress.ts';
import type { SeedingRequest, StockName } from './parse-seeding.ts';
import { bringInTiers } from './rsync-tiers.ts';

/** What it took a stock tool. */
export interface StockSeeding {
  readonly seconds: number;
  readonly egressBytes: number;
}

/** What it took to bring everything to some hosts that had nothing. */
export interface SeedingResult {
  readonly hostCount: number;
  readonly scap: ScapSeeding & { readonly egressBytes: number };
  /** Those that were asked for. */
  readonly stock: Readonly<Partial<Record<StockName, StockSeeding>>>;
}

export interface MeasureSeedingOptions {
  readonly request: SeedingRequest;
  readonly program: string;
  /** A tree of `request.totalBytes`. */
  readonly staging: string;
  /** To be created; it is gone afterwards, and so is the fleet, whatever happens. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

const fileBytes = 1_000_000;

/** Files of a megabyte that do not compress: what is measured is links, not zlib. */
export function makeSeedingTree(directory: string, totalBytes: number): void {
  for (let left = totalBytes, at = 0; left > 0; left -= fileBytes, at++) {
    const below = join(directory, `d${at % 50}`);
    mkdirSync(below, { recursive: true });
    writeFileSync(join(below, `f${at}.bin`), randomBytes(Math.min(left, fileBytes)));
  }
}

/** Makes a fleet, measures scap's first push and what the stock tools take for the same, and removes the fleet. */
export async function measureSeeding(hostCount: number, options: MeasureSeedingOptions): Promise<SeedingResult> {
  const { directory, signal, say, request, staging } = options;
  mkdirSync(directory);
  const fleet = await startHosts({
    directory: join(directory, 'fleet'),
    hosts: hostCount,
    mode: 'namespaces',
    rate: `${request.megabits}mbit`,
  });
  try {
    signal.throwIfAborted();
    const shared = { fleet, staging, directory, signal };
    const scap = new ScapFleet({ ...shared, program: options.program, carrier: request.carrier });
    const settle = async () => {
      await awaitIdleHosts(fleet, signal);
      await runProgram(['sync', '-f', directory], { signal });
    };
    await settle();
    const seeded = await withEgress(fleet, () => scap.seed());
    say(`${hostCount} hosts: scap ${seeded.bringSeconds.toFixed(1)} s, and ready after ${seeded.seconds.toFixed(1)} s`);
    const stock: Partial<Record<StockName, StockSeeding>> = {};
    for (const name of request.stock) {
      await settle();
      const { seconds, egressBytes } = await withEgress(fleet, () => runStock(name, shared, request));
      stock[name] = { seconds, egressBytes };
      say(`${hostCount} hosts: rsync ${name} ${seconds.toFixed(1)} s`);
    }
    return { hostCount, scap: seeded, stock };
  } finally {
    say(`${hostCount} hosts: removing them`);
    await stopHosts(fleet, say);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function runStock(
  name: StockName,
  options: StockFleetOptions,
  { tierCopies }: SeedingRequest,
): Promise<{ readonly seconds: number }> {
  if (name === 'star') return new StockFleet(options).inPlace();
  return { seconds: await bringInTiers({ ...options, copiesAtOnce: tierCopies }) };
}
