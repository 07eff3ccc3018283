// scripts/bench --growth with a tiny tree: that it measures, prints and cleans up. What is flat takes hundreds of pushes to tell.
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
  execa(bench, ['--growth', ...args], { reject: false, timeout: 110_000, forceKillAfterDelay: 10_000 });

it('scripts/bench --growth prints its tables and leaves nothing', { timeout: 120_000 }, async () => {
  const directory = join(tempDir(), 'work');
  const markdown = join(tempDir(), 'bench.md');
  const { exitCode, stdout, stderr } = await start(
    ...['--pushes', '10', '--files', '60', '--dir', directory, '--markdown', markdown],
  );
  expect(exitCode, stderr).toBe(0);
  const [seconds, bytes, count] = [' +[\\d.]+ s', ' +[\\d.]+ [kM]B', ' +\\d+'];
  const row = (...cells: string[]) => new RegExp(`^10–10${cells.join('')}$`, 'gm');
  expect(stdout.match(row(seconds, seconds, seconds)), stdout).toHaveLength(2);
  // After eleven pushes nothing has been forgotten yet but revisions on the targets.
  expect(stdout).toMatch(row(bytes, count, ' +0', ' +46', count, ' +11', bytes, bytes, bytes));
  expect(stdout).toMatch(row(bytes, count, ' +0', ' +6', count, ' +3', ' +0', bytes, bytes, bytes));
  expect(stdout).toMatch(/^scap: state directory of the deploy host: repository [\d.]+×, packs .*FLAT/m);
  expect(stdout).toMatch(/^git +([\d.]+ s \(once\) +){2}[\d.]+×$/m);
  expect(stdout).toMatch(/^scap: push time against a new one: [\d.]+×\. (NOT )?FLAT$/m);
  expect(readFileSync(markdown, 'utf8')).toContain('**scap: cache of a target**');
  expect(existsSync(directory)).toBe(false);
  expect(processesNaming(directory)).toEqual([]);
});

it.each([['--pushes', '7'], ['--keep-deploys', '1'], ['--files', 'x'], ['--nonsense']])(
  'scripts/bench --growth refuses %s %s',
  async (...args) => {
    const { exitCode, stdout, stderr } = await start(...args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^bench: .*\n {2}hint: .*$/);
  },
);
