// kill -9 of one target's agent at many points of a push, of a first push and of a rollback.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanUp, killPid, Site } from './support/site.ts';
import { expectHonestMarkers, expectOldOrNew } from './support/soundness.ts';
import { choosePoints, createRandom, Rolling, tracePush } from './support/sweep.ts';

const agent = { role: 'agent', host: 'web2' };

afterEach(cleanUp);

/** A site that has been pushed to often enough for every push to prune a revision. */
async function agedSite(): Promise<Rolling> {
  const rolling = new Rolling(new Site({ hosts: ['web1', 'web2'], keepRevisions: 2 }));
  for (let i = 0; i < 4; i++) await rolling.push();
  return rolling;
}

describe('kill -9 of an agent', () => {
  it('[I5] [B20] [B23] at any step of a push leaves old or new live, and the next push repairs', {
    timeout: 600_000,
  }, async () => {
    const rolling = await agedSite();
    rolling.next();
    const trace = await tracePush(rolling, agent);
    const points = choosePoints(trace, 14);
    for (const call of points) {
      await rolling.strike(`killed before call ${call}, ${trace[call - 1]}`, () =>
        rolling.site.scap(['push'], { fault: { ...agent, call } }),
      );
    }
    console.log(`kill-agent: ${points.length} of ${trace.length} points`);
  });

  it('[B23] at any step of a first push leaves nothing or the new revision live, and the next push repairs', {
    timeout: 600_000,
  }, async () => {
    const first = new Rolling(new Site({ hosts: ['web1', 'web2'] }));
    first.next();
    const trace = await tracePush(first, agent);
    await cleanUp();
    const points = choosePoints(trace, 8);
    for (const call of points) {
      const rolling = new Rolling(new Site({ hosts: ['web1', 'web2'] }));
      await rolling.strike(`killed before call ${call}, ${trace[call - 1]}`, () =>
        rolling.site.scap(['push'], { fault: { ...agent, call } }),
      );
      await cleanUp();
    }
    console.log(`kill-agent, first push: ${points.length} of ${trace.length} points`);
  });

  it('[B23] [B33] at any step of a rollback leaves old or new live, and the next push repairs', {
    timeout: 600_000,
  }, async () => {
    const rolling = await agedSite();
    const trace = await tracePush(rolling, agent, ['rollback']);
    const points = choosePoints(trace, 6);
    for (const call of points) {
      await rolling.push();
      const where = `killed before call ${call}, ${trace[call - 1]}`;
      await rolling.site.scap(['rollback'], { fault: { ...agent, call } });
      expectOldOrNew(rolling.site, rolling.trees.slice(-2), where);
      await rolling.site.settle();
      expectHonestMarkers(rolling.site, rolling.trees, where);
      await rolling.repair(where);
    }
    console.log(`kill-agent, rollback: ${points.length} of ${trace.length} points`);
  });

  it('[I5] [B23] at random times leaves old or new live, and the next push repairs', {
    timeout: 600_000,
  }, async () => {
    const rolling = await agedSite();
    const random = createRandom(20260);
    const startedAt = Date.now();
    await rolling.push();
    const usualMs = Date.now() - startedAt;
    let hit = 0;
    // How long a push takes differs from machine to machine; what counts is how many were really cut off.
    for (let round = 0; hit < 12 && round < 80; round++) {
      const delayMs = (0.1 + random() * 0.9) * usualMs;
      const victim = random();
      await rolling.strike(`random round ${round}, after ${delayMs} ms`, async () => {
        const running = rolling.site.start(['push']);
        await sleep(delayMs);
        // The deploy process, an agent, or a git process of either.
        const candidates = [running.pid, ...rolling.site.processes()];
        killPid(candidates[Math.floor(victim * candidates.length)] as number);
        const finished = await running.done;
        if (finished.status !== 0) hit++;
        return finished;
      });
    }
    expect(hit).toBe(12);
  });
});
