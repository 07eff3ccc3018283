import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createOperator, type Operator, withoutAgents } from '../support/operator.ts';
import { writeFleet } from '../support/yaml-fleet.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function pushes(me: Operator, ...texts: string[]): Promise<string[]> {
  const shas: string[] = [];
  for (const text of texts) {
    me.stage({ 'index.php': text });
    shas.push((await me.json(0, 'push')).revision);
  }
  return shas;
}

function keeper({ keep = 2, grace = '0s' } = {}): Operator {
  const me = createOperator();
  writeFleet(me, { hosts: ['mw1'], more: `target: {keepRevisions: ${keep}, graceTime: ${grace}}` });
  return me;
}

const kept = (me: Operator) => readdirSync(me.path('t/mw1/cache/revs')).sort();

describe('retention', () => {
  it('[B25] keeps so many complete revisions, the live one and the one before it', async () => {
    const me = keeper();
    const [, , three, four] = await pushes(me, '1', '2', '3', '4');
    expect(kept(me)).toEqual([three, four].sort());
    await withoutAgents(me.cwd);
    expect(readdirSync(me.path('t/mw1/cache/meta')).sort()).toEqual(
      [three, four].flatMap((sha) => [`${sha}.index`, `${sha}.json`]).sort(),
    );
    expect(readdirSync(me.path('t/mw1/cache/work')).filter((name) => name !== 'spare')).toEqual([]);
  });

  it('[B25] never prunes what was live a moment ago', async () => {
    const me = keeper({ grace: '10m' });
    const all = await pushes(me, '1', '2', '3', '4');
    expect(kept(me)).toEqual([...all].sort());
    await me.expectStatus(0, 'clean', '--grace', '0s');
    expect(kept(me)).toEqual([all[2], all[3]].sort());
  });

  it('[B25] never prunes a pinned revision', async () => {
    const me = keeper();
    const [one] = await pushes(me, '1');
    const path = me.path('t/mw1/cache/state.json');
    await withoutAgents(me.cwd);
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), pinned: [one] }));
    const [, , four] = await pushes(me, '2', '3', '4');
    expect(kept(me)).toContain(one);
    expect(kept(me)).toContain(four);
    expect(kept(me)).toHaveLength(3);
  });

  it.each([['straight'], ['through a link in the path of the cache']])(
    '[B25] never prunes a revision in which a process has its working directory (%s)',
    async (how) => {
      const me = keeper();
      if (how !== 'straight') {
        await pushes(me, '0');
        await withoutAgents(me.cwd);
        renameSync(me.path('t'), me.path('moved'));
        symlinkSync('moved', me.path('t'));
      }
      const [one] = await pushes(me, '1');
      const child = spawn('sleep', ['600'], {
        cwd: me.path('t/mw1/cache/revs', one as string, 'docroot'),
        stdio: 'ignore',
      });
      children.push(child);
      await pushes(me, '2', '3', '4');
      expect(kept(me)).toContain(one);
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
      await pushes(me, '5');
      expect(kept(me)).not.toContain(one);
    },
  );

  it('[B33] a rollback to a pruned revision brings it back', async () => {
    const me = keeper();
    const [one] = await pushes(me, '1', '2', '3', '4');
    expect(kept(me)).not.toContain(one);
    const result = await me.json(0, 'rollback', one as string);
    expect(result).toMatchObject({ outcome: 'ok', revision: one });
    expect(readFileSync(me.path('t/mw1/live/index.php'), 'utf8')).toBe('1');
    await me.expectStatus(0, 'verify', '--deep');
  });

  it('scap clean --keep prunes more than the configuration, and says what it did', async () => {
    const me = keeper({ keep: 5 });
    const all = await pushes(me, '1', '2', '3', '4');
    const result = await me.json(0, 'clean', '--keep', '2', '--grace', '0s');
    expect(result).toMatchObject({ ok: true, kind: 'clean', outcome: 'ok' });
    expect(kept(me)).toEqual([all[2], all[3]].sort());
    expect(existsSync(join(me.path('t/mw1/live'), 'index.php'))).toBe(true);
  });

  it('scap clean before anything was deployed: exit 2', async () => {
    const me = keeper();
    expect((await me.expectStatus(2, 'clean')).stderr).toContain('nothing was deployed yet');
  });
});
