// scripts/bench --simulated with a tiny fleet: that it measures, prints and cleans up. No figure is judged.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { processesNaming, until } from '../support/operator.ts';
import { useTempDirs } from '../support/temp-dir.ts';

const bench = fileURLToPath(new URL('../../scripts/bench', import.meta.url));
const tempDir = useTempDirs();

/** Starts the bench without the settings of whoever runs the tests. */
const start = (...args: string[]) =>
  execa(bench, ['--simulated', ...args], { reject: false, timeout: 50_000, forceKillAfterDelay: 10_000 });

it('scripts/bench --simulated prints its tables and leaves nothing', async () => {
  const directory = join(tempDir(), 'work');
  const markdown = join(tempDir(), 'bench.md');
  const { exitCode, stdout, stderr } = await start(
    ...['--hosts', '5', '--runs', '1', '--dir', directory, '--markdown', markdown],
  );
  expect(exitCode, stderr).toBe(0);
  const once = String.raw`[\d.]+ s \(once\)`;
  for (const push of ['5 hosts, first push', '5 hosts, one file']) {
    expect(stdout).toMatch(new RegExp(`^${push} +(${once} *){7}$`, 'm'));
    // Events: 5 × (10 and 4 notices), and those of the run itself.
    expect(stdout).toMatch(
      new RegExp(String.raw`^${push} +\d+ MB +${once} +8\d +[\d,]+ +0\.0 MB +5 +[\d.]+ ms +${once}$`, 'm'),
    );
  }
  expect(readFileSync(markdown, 'utf8')).toContain('**What it costs the deploy process**');
  expect(existsSync(directory)).toBe(false);
  expect(processesNaming(directory)).toEqual([]);
});

it('scripts/bench --simulated leaves nothing after Ctrl-C', async () => {
  const directory = join(tempDir(), 'work');
  const running = start('--hosts', '50', '--runs', '500', '--dir', directory);
  await until(
    () => processesNaming(join(directory, 'programs/deploy.mjs')).length > 0,
    'a push to be under way',
    30_000,
  );
  running.kill('SIGINT');
  const { exitCode, stdout } = await running;
  expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: '' });
  expect(existsSync(directory)).toBe(false);
  expect(processesNaming(directory)).toEqual([]);
});

it('scripts/bench --simulated refuses what it cannot do', async () => {
  const { exitCode, stdout, stderr } = await start('--hosts', '20000');
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toMatch(/^bench: .*\n {2}hint: .*$/);
});
