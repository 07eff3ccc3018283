// scripts/bench --seeding with little to bring: that it measures, prints and cleans up. No figure is judged.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { processesNaming } from '../support/operator.ts';
import { useTempDirs } from '../support/temp-dir.ts';

const bench = fileURLToPath(new URL('../../scripts/bench', import.meta.url));
const isRoot = process.getuid?.() === 0;
const tempDir = useTempDirs();

/** Starts the bench without the settings of whoever runs the tests. */
const start = (...args: string[]) =>
  execa(bench, ['--seeding', ...args], { reject: false, timeout: 110_000, forceKillAfterDelay: 10_000 });

it.runIf(isRoot)('scripts/bench --seeding prints its table and leaves nothing', { timeout: 120_000 }, async () => {
  const directory = join(tempDir(), 'work');
  const markdown = join(tempDir(), 'bench.md');
  const little = ['--hosts', '1,3', '--bytes', '9M', '--rate', '100'];
  const { exitCode, stdout, stderr } = await start(...little, '--dir', directory, '--markdown', markdown);
  expect(exitCode, stderr).toBe(0);
  const seconds = String.raw`[\d.]+ s`;
  const compared = String.raw`${seconds} +[\d.]+×`;
  const stock = String.raw`${seconds} +${compared} +[\d.]+ MB +[\d.]+×`;
  for (const hosts of ['1', '3'])
    expect(stdout).toMatch(
      new RegExp(
        String.raw`^${hosts} +${seconds} +${compared} +\d+ +[\d.]+ MB +${stock} +${stock} +${seconds} +\d+ MB$`,
        'm',
      ),
    );
  expect(readFileSync(markdown, 'utf8')).toContain('MB over 100 Mbit/s**');
  expect(existsSync(directory)).toBe(false);
  expect(processesNaming(directory)).toEqual([]);
});

it.each([['--hosts', '1000'], ['--rate', '0'], ['--bytes', 'x'], ['--nonsense']])(
  'scripts/bench --seeding refuses %s %s',
  async (...args) => {
    const { exitCode, stdout, stderr } = await start(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^bench: .*\n {2}hint: .*$/);
  },
);
