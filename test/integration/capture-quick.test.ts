// A capture that looks only at what moved finds what one finds that looks at everything.
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { createRandom } from '../../scripts/lib/prng.ts';
import { isSystemError } from '../../src/core/errors.ts';
import { runStatPass } from '../../src/git/stat-pass.ts';
import { encodeNote, loadStagingIndex } from '../../src/revision/staging-index.ts';
import { type Capture, captureStaging, hashOnly } from '../../src/staging/capture.ts';
import { createExcluder } from '../../src/staging/exclude.ts';
import { createStagingWorld, type StagingWorld } from '../support/staging-world.ts';
import { useTempDirs } from '../support/temp-dir.ts';

const tempDir = useTempDirs();
afterEach(() => vi.useRealTimers());

const excluder = createExcluder(['*.swp', '/skipped/', '!kept.swp']);
const names = ['a', 'b', 'b.txt', 'c', 'd', '\u00e9', 'x.swp', 'kept.swp', 'skipped', '.git', '.scap'];

/** Captures without committing, quickly or by a look at everything. */
async function capture({ staging, layout, repository }: StagingWorld, quickly: boolean): Promise<Capture> {
  const { git } = repository;
  const revision = repository.live();
  const { index, walk } = await loadStagingIndex({ git, path: layout.stagingIndex, staging, revision });
  const lookAtFiles = () => runStatPass(git, { root: staging, index, indexPath: layout.stagingIndex });
  if (quickly) expect(walk).toBeDefined();
  return captureStaging({
    root: staging,
    excluder,
    base: index,
    baseTimes: revision ? await repository.readTimes(revision) : new Uint32Array(),
    baseManifest: revision
      ? await repository.readManifest(revision)
      : { emptyDirectories: new Set(), modes: new Map() },
    store: hashOnly,
    ...(quickly && { quick: { memory: walk, lookAtFiles } }),
  });
}

/** What is not possible in this tree does not happen. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}

/** What a capture found, in an order that does not depend on how it looked. */
function findings({ changes, files, bytes, directories, manifest, checkouts, leftOut, times, index }: Capture) {
  return {
    changes,
    files,
    bytes,
    directories,
    emptyDirectories: [...manifest.emptyDirectories].sort(),
    modes: [...manifest.modes].sort(),
    checkouts: [...checkouts].sort(),
    excluded: [...leftOut.excluded].sort(),
    reserved: leftOut.reserved,
    times: [...times],
    index: index.finish(encodeNote({ revision: 'f'.repeat(40) as never, staging: '' })).toString('latin1'),
  };
}

it.each([1, 2, 3, 4])('[I1] [I12] whatever happens to the tree (seed %i)', async (seed) => {
  const world = await createStagingWorld(tempDir());
  const random = createRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const directories = (at = world.staging): string[] =>
    lstatSync(at).isDirectory()
      ? [
          at,
          ...readdirSync(at, { withFileTypes: true }).flatMap((entry) =>
            entry.isDirectory() ? directories(join(at, entry.name)) : [],
          ),
        ]
      : [];
  const place = () => join(pick(directories()), pick(names));
  const acts: (() => void)[] = [
    () => {
      const at = place();
      rmSync(at, { recursive: true, force: true });
      writeFileSync(at, String(random()).slice(0, pick([0, 4, 9])));
    },
    () => {
      const at = place();
      if (existsSync(at) && lstatSync(at).isFile()) writeFileSync(at, 'edited in place');
    },
    () => {
      const at = place();
      if (existsSync(at) && lstatSync(at).isFile()) {
        const { size, mtime } = lstatSync(at);
        writeFileSync(at, 'z'.repeat(size));
        utimesSync(at, mtime, mtime);
      }
    },
    () => mkdirSync(place(), { recursive: true }),
    () => {
      const at = join(place(), pick(names));
      if (existsSync(at)) return;
      rmSync(join(at, '..'), { recursive: true, force: true });
      mkdirSync(join(at, '..'), { recursive: true });
      writeFileSync(at, 'deep');
    },
    () => rmSync(place(), { recursive: true, force: true }),
    () => {
      const at = place();
      rmSync(at, { recursive: true, force: true });
      symlinkSync(pick(['a', '../b', '.']), at);
    },
    () => {
      const at = place();
      if (existsSync(at) && !lstatSync(at).isSymbolicLink()) chmodSync(at, pick([0o755, 0o700, 0o750, 0o775]));
    },
    () => {
      // Swaps two directories, or moves one.
      const [from, to] = [pick(directories()), pick(directories())];
      if (
        from === to ||
        from === world.staging ||
        to === world.staging ||
        from.startsWith(`${to}/`) ||
        to.startsWith(`${from}/`)
      )
        return;
      renameSync(from, join(world.staging, '.moved'));
      if (random() < 0.5) renameSync(to, from);
      else rmSync(to, { recursive: true, force: true });
      renameSync(join(world.staging, '.moved'), to);
    },
    () => {
      // A directory becomes a link to where it has gone.
      const at = pick(directories());
      const away = join(world.staging, 'away');
      if (at === world.staging || existsSync(away)) return;
      renameSync(at, away);
      symlinkSync(away, at);
    },
  ];
  for (let round = 0; round < 25; round++) {
    // Without this everything is too young to be trusted, and every look is a look at everything.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    await world.push({ exclude: excluder.patterns });
    vi.useRealTimers();
    // The next change must not fall into the same tick of the clock that stamps files.
    await sleep(10);
    for (let act = Math.floor(random() * 5); act >= 0; act--) attempt(pick(acts));
    if (
      readdirSync(world.staging).every(
        (name) => name === '.git' || name === '.scap' || name.endsWith('.swp') || name === 'skipped',
      )
    )
      writeFileSync(join(world.staging, 'index.php'), 'never empty');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    const quick = await capture(world, true);
    expect(findings(quick), `round ${round}`).toEqual(findings(await capture(world, false)));
    vi.useRealTimers();
  }
});

it('[I1] other excludes than the last time: everything is looked at', async () => {
  const world = await createStagingWorld(tempDir());
  for (const name of ['a', 'b.swp']) writeFileSync(join(world.staging, name), name);
  await world.push({ exclude: ['*.swp'] });
  const { differences } = await world.prepare({ exclude: [] });
  expect(differences.map(({ path }) => path)).toEqual(['b.swp']);
});
