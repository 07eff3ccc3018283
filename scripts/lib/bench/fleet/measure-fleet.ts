import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../../program/run-program.ts';
import { Staging } from '../staging.ts';
import { formatSeconds } from '../statistics.ts';
import { CapistranoFleet } from './capistrano-fleet.ts';
import { startHosts, stopHosts } from './hosts.ts';
import { awaitIdleHosts } from './hosts-idle.ts';
import type { FleetRequest, FleetSize } from './parse-fleet.ts';
import { ScapFleet, type ScapPush } from './scap-fleet.ts';
import type { Change } from './served-change.ts';
import { StockFleet, type StockPush } from './stock-fleet.ts';

/** One push of the same change by everybody. */
export interface FleetRound {
  readonly scap: ScapPush;
  readonly inPlace: StockPush;
  readonly linkDest: StockPush;
  /** `undefined` when it is not measured. */
  readonly capistrano: StockPush | undefined;
}

/** Everything that was measured with one fleet. */
export interface FleetResult {
  readonly size: FleetSize;
  readonly mode: 'plain' | 'namespaces';
  /** The first push to hosts that have nothing. */
  readonly first: FleetRound;
  /** One-file pushes, each after the work of all former ones was done. */
  readonly oneFile: readonly FleetRound[];
  /** One-file pushes right after another one. */
  readonly backToBack: readonly ScapPush[];
  /** Whole calls of `scap status`. */
  readonly statusSeconds: readonly number[];
  /** Why Capistrano is not measured. */
  readonly noCapistrano: string | undefined;
}

export interface MeasureFleetOptions {
  readonly request: FleetRequest;
  readonly program: string;
  /** Capistrano's program; `undefined` when it is not installed. */
  readonly cap: string | undefined;
  /** To be created; it is gone afterwards, and so is the fleet, whatever happens. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  /** Called with the result before the fleet is removed. */
  readonly onMeasured: (result: FleetResult) => void;
}

const versionCount = 3;

/** Makes a tree and a fleet, measures, and removes both. */
export async function measureFleet(size: FleetSize, options: MeasureFleetOptions): Promise<void> {
  const { directory, signal, say, request } = options;
  mkdirSync(directory);
  say(`${size.hostCount} hosts: making a staging tree of ${size.fileCount} files`);
  const staging = new Staging(join(directory, 'staging'), signal);
  await staging.generate(size.fileCount, size.totalBytes, versionCount);
  signal.throwIfAborted();
  const mode = request.mode === undefined ? {} : { mode: request.mode };
  const fleet = await startHosts({ directory: join(directory, 'fleet'), hosts: size.hostCount, ...mode });
  try {
    signal.throwIfAborted();
    const shared = { fleet, staging: staging.path, directory, signal };
    const scap = new ScapFleet({ ...shared, program: options.program });
    const stock = new StockFleet(shared);
    const capistrano =
      options.cap !== undefined && fleet.mode === 'namespaces'
        ? await CapistranoFleet.create(options.cap, shared)
        : undefined;
    const settle = async () => {
      await awaitIdleHosts(fleet, signal);
      await runProgram(['sync', '-f', directory], { signal });
    };
    const measured = await measureAll({ scap, stock, capistrano, staging, settle }, size, options);
    const reason = options.cap === undefined ? 'not installed' : 'needs hosts in namespaces';
    const noCapistrano = capistrano === undefined ? reason : capistrano.failure;
    options.onMeasured({ size, mode: fleet.mode, ...measured, noCapistrano });
  } finally {
    say(`${size.hostCount} hosts: removing them`);
    await stopHosts(fleet, say);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Sides {
  readonly scap: ScapFleet;
  readonly stock: StockFleet;
  readonly capistrano: CapistranoFleet | undefined;
  readonly staging: Staging;
  /** Waits until nobody works any more and everything is on disk. */
  readonly settle: () => Promise<void>;
}

async function measureAll(
  sides: Sides,
  { hostCount }: FleetSize,
  { request: { runs }, say }: MeasureFleetOptions,
): Promise<Omit<FleetResult, 'size' | 'mode' | 'noCapistrano'>> {
  const tell = (what: string, text: string) => say(`${hostCount} hosts: ${what}: ${text}`);
  const first = await pushEverywhere(sides);
  tell('first push', describeRound(first));
  const oneFile: FleetRound[] = [];
  const statusSeconds: number[] = [];
  const backToBack: ScapPush[] = [];
  for (let i = 1; i <= runs; i++) {
    const [path = ''] = await sides.staging.edit(1);
    const content = readFileSync(join(sides.staging.path, path));
    const round = await pushEverywhere(sides, { path, content });
    oneFile.push(round);
    await sides.settle();
    const seconds = await sides.scap.status();
    statusSeconds.push(seconds);
    tell(`one file ${i} of ${runs}`, `${describeRound(round)}; scap status ${formatSeconds(seconds)}`);
  }
  if (sides.capistrano?.failure !== undefined) tell('capistrano', sides.capistrano.failure);
  for (let i = 1; i <= runs; i++) {
    const pushed = await pushBackToBack(sides);
    backToBack.push(pushed);
    tell(`back to back ${i} of ${runs}`, `scap ${formatSeconds(pushed.seconds)}`);
  }
  return { first, oneFile, backToBack, statusSeconds };
}

async function pushEverywhere({ scap, stock, capistrano, settle }: Sides, change?: Change): Promise<FleetRound> {
  await settle();
  const pushed = await scap.push();
  await settle();
  const inPlace = await stock.inPlace(change);
  await settle();
  const linkDest = await stock.linkDest(change);
  await capistrano?.commit();
  await settle();
  return { scap: pushed, inPlace, linkDest, capistrano: await capistrano?.push(change) };
}

async function pushBackToBack({ scap, staging, settle }: Sides): Promise<ScapPush> {
  const [path = ''] = await staging.edit(1);
  await settle();
  await scap.pushWithoutWaiting();
  staging.editAgain(path);
  return scap.push();
}

function describeRound({ scap, inPlace, linkDest, capistrano }: FleetRound): string {
  const pushes = { scap, 'in place': inPlace, 'link-dest': linkDest, capistrano };
  return Object.entries(pushes)
    .flatMap(([name, push]) => (push === undefined ? [] : [`${name} ${formatSeconds(push.seconds)}`]))
    .join(', ');
}
