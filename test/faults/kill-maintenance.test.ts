// kill -9 of the packing that a run leaves to the background, with the programs it started, at many moments.
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { createGit } from '../../src/git/git-command.ts';
import { addPack } from '../support/packed-repository.ts';
import { cleanUp, killPid, Site, scapPath, startProcess } from './support/site.ts';
import { expectRepaired } from './support/soundness.ts';
import { Rolling } from './support/sweep.ts';

afterEach(cleanUp);

const rounds = 10;

it('[B23] packing in the background, killed at any moment, loses nothing and is taken up again', {
  timeout: 600_000,
}, async () => {
  const rolling = new Rolling(new Site({ hosts: ['web1'], config: 'keepDeploys: 2' }));
  const { site } = rolling;
  const repo = join(site.state, 'repo.git');
  const git = (...args: string[]) => execFileSync('git', ['--git-dir', repo, ...args], { encoding: 'utf8' });
  const needMaintenance = async (round: number) => {
    for (let n = 0; n < 25; n++) await addPack(createGit(repo), `${round} ${n}\n`);
    if (round % 2 === 0) writeFileSync(join(repo, 'scap-dropped'), '40\n');
  };
  const start = () => startProcess(process.execPath, [scapPath, 'maintain', site.state]);
  const packs = () => readdirSync(join(repo, 'objects/pack')).filter((name) => name.endsWith('.pack')).length;
  await rolling.push();
  await rolling.push();

  await needMaintenance(0);
  const { status, durationMs } = await start().done;
  expect(status).toBe(0);
  expect(packs()).toBe(1);
  expect(git('fsck', '--connectivity-only')).toBe('');

  for (let round = 1; round <= rounds; round++) {
    await needMaintenance(round);
    const running = start();
    // The program itself needs the first part of its time to start.
    await new Promise((resolve) => setTimeout(resolve, (durationMs * (rounds + round)) / (2 * rounds + 2)));
    for (const pid of [running.pid, ...site.processes()]) killPid(pid);
    await running.done;
    const where = `killed in round ${round}`;
    expect(git('fsck', '--connectivity-only').replace(/^dangling .*\n/gm, ''), where).toBe('');
    await rolling.push();
    await site.settle();
    await expectRepaired(site, rolling.tree, where);
    expect(packs(), where).toBeLessThanOrEqual(26);
    expect(
      readdirSync(join(repo, 'objects/pack')).filter((name) => /^(tmp_|\.tmp-)/.test(name)),
      where,
    ).toEqual([]);
  }
});
