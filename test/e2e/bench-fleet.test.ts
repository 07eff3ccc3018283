// scripts/bench --fleet with a tiny tree: that it measures, prints and cleans up. No figure is judged.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { processesNaming, until } from '../support/operator.ts';
import { useTempDirs } from '../support/temp-dir.ts';

const bench = fileURLToPath(new URL('../../scripts/bench', import.meta.url));
const tiny = ['--fleet', '--hosts', '2', '--files', '50', '--bytes', '100K', '--runs', '1'];

const tempDir = useTempDirs();

/** Starts the bench without the settings of whoever runs the tests. */
const start = (...args: string[]) =>
  execa(bench, args, { reject: false, timeout: 110_000, forceKillAfterDelay: 10_000 });

function expectNothingLeft(directory: string): void {
  expect(existsSync(directory)).toBe(false);
  expect(processesNaming(directory)).toEqual([]);
}

describe('scripts/bench --fleet', () => {
  it('prints a table for the fleet and leaves nothing', { timeout: 120_000 }, async () => {
    const directory = join(tempDir(), 'work');
    const markdown = join(tempDir(), 'bench.md');
    const { exitCode, stdout, stderr } = await start(...tiny, '--dir', directory, '--markdown', markdown);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^2 hosts \((namespaces|plain)\), 50 files, 0\.1 MB$/m);
    const seconds = String.raw`[\d.]+ s \(once\)`;
    expect(stdout).toMatch(
      new RegExp(String.raw`^scap +${seconds} +${seconds} +${seconds} +[\d.]+ ms +[\d.]+ s +\d+ MB$`, 'm'),
    );
    for (const tool of ['rsync in place over ssh', 'rsync --link-dest \\+ rename over ssh']) {
      const compared = String.raw`${seconds} +[\d.]+×`;
      expect(stdout).toMatch(
        new RegExp(String.raw`^${tool} +${compared} +${compared} +[\d.]+× +[\d.]+ ms +[\d.]+ s +–$`, 'm'),
      );
    }
    expect(stdout).toMatch(/^capistrano +(not installed|needs hosts in namespaces|[\d.]+ s .*×.*)$/m);
    expect(stdout).toMatch(new RegExp(String.raw`^2 +\d+ ms +\d+ ms +${seconds} +${seconds}$`, 'm'));
    expect(readFileSync(markdown, 'utf8')).toContain('| rsync in place over ssh |');
    expectNothingLeft(directory);
  });

  it('stops its hosts when it is interrupted', { timeout: 120_000 }, async () => {
    const directory = join(tempDir(), 'work');
    const running = start(...tiny, '--dir', directory);
    await until(() => existsSync(join(directory, 'f0/fleet/fleet.json')), 'the fleet to begin', 60_000);
    running.kill('SIGINT');
    const { exitCode, stderr } = await running;
    expect(exitCode, stderr).toBe(130);
    expectNothingLeft(directory);
  });

  it.each([
    ['an unknown mode', ['--mode', 'cloud'], /--mode/],
    ['no number of hosts', ['--hosts', '4,'], /--hosts/],
    ['an option of the other bench', ['--first-runs', '1'], /first-runs/],
  ])('%s is refused: exit 2', async (_what, args, message) => {
    const { exitCode, stderr } = await start('--fleet', ...args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
  });
});
