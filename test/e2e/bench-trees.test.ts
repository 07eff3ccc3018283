// scripts/bench --trees with a tiny tree: that it measures, prints and cleans up. No figure is judged.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { processesNaming } from '../support/operator.ts';
import { useTempDirs } from '../support/temp-dir.ts';

const bench = fileURLToPath(new URL('../../scripts/bench', import.meta.url));
const tempDir = useTempDirs();

/** Starts the bench without the settings of whoever runs the tests. */
const start = (...args: string[]) =>
  execa(bench, ['--trees', ...args], { reject: false, timeout: 110_000, forceKillAfterDelay: 10_000 });

it('scripts/bench --trees prints its tables and leaves nothing', { timeout: 120_000 }, async () => {
  const directory = join(tempDir(), 'work');
  const markdown = join(tempDir(), 'bench.md');
  const tiny = ['--revisions', '60', '--flatten', '60', '--changes', '1', '--runs', '1'];
  const { exitCode, stdout, stderr } = await start(...tiny, '--dir', directory, '--markdown', markdown);
  expect(exitCode, stderr).toBe(0);
  const once = String.raw`[\d.]+ s \(once\)`;
  const compared = String.raw`${once} +[\d.]+×`;
  expect(stdout).toMatch(new RegExp(`^1 file +${once} +${once} +(${compared} +){5}(not installed|${compared})$`, 'm'));
  for (const change of ['first import', 'no change', 'one file', '15 files'])
    expect(stdout).toMatch(new RegExp(`^${change} +${once} +(${compared} +){2}(not installed|${compared})$`, 'm'));
  expect(readFileSync(markdown, 'utf8')).toContain('**Flatten, 60 files**');
  expect(existsSync(directory)).toBe(false);
  expect(processesNaming(directory)).toEqual([]);
});

it.each([['--changes', '100', '--revisions', '200'], ['--changes', 'x'], ['--flatten', '-1'], ['--nonsense']])(
  'scripts/bench --trees refuses %s %s',
  async (...args) => {
    const { exitCode, stdout, stderr } = await start(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^bench: .*\n {2}hint: .*$/);
  },
);
