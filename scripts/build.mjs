// Bundles the program into dist/, third-party packages included, so that dist/ runs without node_modules.
//
// dist/ is never replaced as a whole: a running scap loads its chunks lazily, from the build it was started from.
// Chunks carry their hash in the name and are moved in first, the entry after them, and the stamp, which bin/scap
// compares with src/, last. Chunks of earlier builds stay for a day.
import { access, mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';
import { bundleOptions } from './lib/esbuild-options.mjs';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const dist = join(root, 'dist');
const work = join(root, `dist.${process.pid}.tmp`);
const leftoverLifetimeMs = 24 * 60 * 60 * 1000;
// File times come from a clock that ticks every few milliseconds and may lag behind Date.now(). A source that
// changes while the build runs must look newer than the stamp.
const startedAt = new Date(Date.now() - 20);

/** @type {import('esbuild').BuildOptions} */
const common = { ...bundleOptions, absWorkingDir: root };

/** @type {Record<string, import('esbuild').BuildOptions>} */
const bundles = {
  'src/cli/main.ts': {
    entryPoints: [{ in: 'scripts/lib/entry.mjs', out: 'scap' }],
    outdir: work,
    outExtension: { '.js': '.mjs' },
    chunkNames: '[name]-[hash]',
    splitting: true,
    sourcemap: 'linked',
  },
  'src/target/agent-main.ts': {
    entryPoints: ['src/target/agent-main.ts'],
    outfile: join(work, 'agent.mjs'),
    minify: true,
  },
};

try {
  await mkdir(work);
  const built = await Promise.all(Object.entries(bundles).map(([entry, options]) => bundle(entry, options)));
  if (built.includes(true)) await publish();
} catch (error) {
  if (!isBuildFailure(error)) throw error; // esbuild has printed the others
  process.exitCode = 1;
} finally {
  await rm(work, { recursive: true, force: true });
  await stop();
}

/**
 * Bundles one entry point into the work directory; says so and does nothing when it does not exist.
 *
 * @param {string} entry
 * @param {import('esbuild').BuildOptions} options
 */
async function bundle(entry, options) {
  try {
    await access(join(root, entry));
  } catch {
    process.stderr.write(`build: ${entry} does not exist, left out\n`);
    return false;
  }
  await build({ ...common, ...options });
  return true;
}

async function publish() {
  await mkdir(dist, { recursive: true });
  const names = await readdir(work);
  const isEntry = (/** @type {string} */ name) => name === 'scap.mjs' || name === 'agent.mjs';
  const chunksFirst = [...names.filter((name) => !isEntry(name)), ...names.filter(isEntry)];
  for (const name of chunksFirst) await rename(join(work, name), join(dist, name));
  await removeOld(dist, (name) => !names.includes(name) && name !== '.stamp');
  await removeOld(root, (name) => /^dist\.\d+\.tmp$/.test(name));
  const stamp = join(work, '.stamp');
  await writeFile(stamp, '');
  await utimes(stamp, startedAt, startedAt);
  await rename(stamp, join(dist, '.stamp'));
}

/**
 * Removes leftovers of earlier builds: nobody runs from them any more, or the build was killed.
 *
 * @param {string} directory
 * @param {(name: string) => boolean} isLeftover
 */
async function removeOld(directory, isLeftover) {
  for (const name of (await readdir(directory)).filter(isLeftover)) {
    const path = join(directory, name);
    const ageMs = startedAt.getTime() - (await stat(path)).mtimeMs;
    if (ageMs > leftoverLifetimeMs) await rm(path, { recursive: true, force: true });
  }
}

/** @param {unknown} error */
function isBuildFailure(error) {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}
