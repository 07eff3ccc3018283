// A separate process reads through the live path at full speed while the live path is switched again and again.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { createTargetLayout } from '../../src/target/layout.ts';
import { createTargetSession } from '../../src/target/session.ts';
import { stockStages } from '../../src/target/stages/registry.ts';
import { cleanUp, eventually, Site, startProcess, writeTree } from './support/site.ts';

const readerPath = fileURLToPath(new URL('./support/reader.mjs', import.meta.url));
const swaps = 200;

afterEach(cleanUp);

it('[I5] [B22] a reader at full speed through 200 swaps sees no ENOENT and no mix', async () => {
  const site = new Site({ hosts: ['web1'] });
  const revisions: string[] = [];
  for (const name of ['one', 'two']) {
    writeTree(site.staging, {
      first: `${name}\n`,
      'deep/er/second': `${name}\n`,
      third: `${name} ${'x'.repeat(50_000)}\n`,
    });
    await site.ok(['push']);
    await site.settle();
    revisions.push(site.liveSha('web1'));
  }
  const reports = join(site.dir, 'reports');
  mkdirSync(reports);
  const readers = ['realpath', 'plain'].map((how) =>
    startProcess(process.execPath, [readerPath, how, site.live('web1'), reports]),
  );
  await Promise.all(readers.map((reader) => reader.until(/reading/)));

  const session = createTargetSession(createTargetLayout(site.cache('web1'), site.live('web1')), stockStages());
  const call = (verb: string, params: Record<string, unknown>) =>
    session.call(verb, { params, signal: new AbortController().signal, notify: () => {} });
  await call('begin', { fence: 1000 });
  let changed = 0;
  for (let i = 0; i < swaps; i++) {
    const promoted = (await call('stage', { stage: 'promote', fence: 1000, revision: revisions[i % 2] })) as {
      changed: boolean;
    };
    changed += promoted.changed ? 1 : 0;
  }
  await session.end();
  expect(changed).toBeGreaterThanOrEqual(swaps - 1);

  writeFileSync(join(reports, 'stop'), '');
  for (const [at, how] of ['realpath', 'plain'].entries()) {
    await eventually(() => readdirHas(reports, how));
    await readers[at]?.done;
    const report = JSON.parse(readFileSync(join(reports, how), 'utf8'));
    expect(report.problems, how).toEqual([]);
    expect(report.seen.sort(), how).toEqual(['one', 'two']);
    expect(report.rounds, how).toBeGreaterThan(swaps);
    expect(report.changes, `${how}: the reader ran during the swaps`).toBeGreaterThan(20);
    console.log(`swap-reader, ${how}: ${report.rounds} rounds, ${report.changes} changes seen in ${swaps} swaps`);
  }
});

function readdirHas(directory: string, name: string): boolean {
  try {
    readFileSync(join(directory, name));
    return true;
  } catch {
    return false;
  }
}
