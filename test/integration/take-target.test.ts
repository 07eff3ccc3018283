import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { takeTarget } from '../../src/target/context.ts';
import { createTargetLayout } from '../../src/target/layout.ts';
import { createTrash } from '../../src/target/trash.ts';
import { useTempDirs } from '../support/temp-dir.ts';

const tempDir = useTempDirs();

/** Fills and empties a directory as fast as it can, as an agent does that has let go of the lock and empties its trash. */
const emptying = `
const { readdirSync, rmSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { workerData } = require('node:worker_threads');
for (;;) {
  for (let n = 0; n < 200; n++) writeFileSync(join(workerData, 'thrown-away-' + n), '');
  for (const name of readdirSync(workerData)) rmSync(join(workerData, name), { force: true });
}`;

it('[B40] a run that begins while the agent of the one before still deletes is not disturbed by that', async () => {
  const layout = createTargetLayout(join(tempDir(), 'cache'), join(tempDir(), 'live'));
  mkdirSync(layout.work, { recursive: true });
  const worker = new Worker(emptying, { eval: true, workerData: layout.work });
  try {
    await new Promise((resolve) => worker.once('online', resolve));
    let swept = 0;
    for (let run = 0; run < 100; run++) {
      const trash = createTrash();
      const lock = await takeTarget(layout, trash, 'test');
      lock.release();
      if (!trash.isEmpty) swept += 1;
    }
    expect(swept, 'runs that found something to sweep').toBeGreaterThan(20);
  } finally {
    await worker.terminate();
  }
});
