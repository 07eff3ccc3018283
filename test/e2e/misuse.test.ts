// What a slip of the operator, or a file somebody or a power cut has damaged, must not lead to.
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createOperator, type Operator, withoutAgents } from '../support/operator.ts';

/** Two runs: "one", then "two" is live. */
async function deployed(): Promise<Operator> {
  const me = createOperator();
  await me.expectStatus(0, 'push', 'staging');
  me.stage({ 'index.php': 'two' });
  await me.expectStatus(0, 'push');
  await withoutAgents(me.cwd);
  return me;
}

const served = (me: Operator, host: string) => readFileSync(join(me.live(host), 'index.php'), 'utf8');
const records = (me: Operator) => me.path('.scap/deploys.jsonl');

describe('a slip on the command line', () => {
  it('[B42] a forgotten message does not make a dry run a real one', async () => {
    const me = await deployed();
    for (const args of [
      ['rollback', '-m', '--dry-run'],
      ['push', '-m', '--json'],
      ['hold', '-m', '--help'],
    ]) {
      const { stderr } = await me.expectStatus(2, ...args);
      expect(stderr).toContain('was the message forgotten?');
    }
    expect(served(me, 'web1')).toBe('two');
  });

  it('an empty path is not the working directory', async () => {
    const me = await deployed();
    for (const args of [
      ['push', ''],
      ['sync-file', ''],
      ['plan', 'push', ''],
    ]) {
      const { stderr } = await me.expectStatus(2, ...args);
      expect(stderr).toContain('Is a variable unset?');
    }
  });

  it('a directory named as the configuration is a matter of configuration', async () => {
    const { stderr } = await createOperator().expectStatus(3, 'status', '--config', '.');
    expect(stderr).toContain('scap.yaml');
  });
});

describe('a saved plan', () => {
  it('[B42] that had nothing to do is refused once something else is live', async () => {
    const me = await deployed();
    await me.expectStatus(0, 'plan', 'push', '--save', 'same.json');
    expect(await me.json(0, 'run', 'same.json')).toMatchObject({ ok: true });
    await me.expectStatus(0, 'rollback');
    expect(await me.json(7, 'run', 'same.json')).toMatchObject({ error: { code: 'world_moved' } });
  });

  it('whose revision is not that of its tasks is refused', async () => {
    const me = await deployed();
    me.stage({ 'index.php': 'three' });
    await me.expectStatus(0, 'plan', 'push', '--save', 'p.json');
    const plan = JSON.parse(readFileSync(me.path('p.json'), 'utf8'));
    writeFileSync(me.path('p.json'), JSON.stringify({ ...plan, revision: 'f'.repeat(40) }));
    const { stderr } = await me.expectStatus(3, 'run', 'p.json');
    expect(stderr).toContain("its revision is not the plan's");
  });
});

describe('going back after a run that ended half-way', () => {
  it('is refused as long as it is not said where to, and the hint says it', async () => {
    const me = await deployed();
    const last = JSON.parse(readFileSync(records(me), 'utf8').trim().split('\n').at(-1) as string);
    const half = { ...last, n: 3, sha: 'e'.repeat(40), outcome: 'interrupted' };
    appendFileSync(records(me), `${JSON.stringify(half)}\n`);
    const { stderr } = await me.expectStatus(2, 'rollback');
    expect(stderr).toContain(`scap rollback ${last.sha.slice(0, 12)}`);
    expect(served(me, 'web1')).toBe('two');
    await me.expectStatus(0, 'rollback', last.previous);
    expect(served(me, 'web1')).not.toBe('two');
  });

  it('is not refused when no host was left with it', async () => {
    const me = await deployed();
    const last = JSON.parse(readFileSync(records(me), 'utf8').trim().split('\n').at(-1) as string);
    const counts = { ...last.counts, promoted: 0, failed: 3 };
    appendFileSync(
      records(me),
      `${JSON.stringify({ ...last, n: 3, sha: 'e'.repeat(40), outcome: 'failed', counts })}\n`,
    );
    await me.expectStatus(0, 'rollback');
  });
});

describe('a damaged file', () => {
  it.each(['null', '{}', '{"n":9007199254740992}'])(
    '%s among the records is told, and nothing is begun',
    async (line) => {
      const me = await deployed();
      appendFileSync(records(me), `${line}\n`);
      for (const args of [['history'], ['rollback'], ['push']]) {
        const { stderr } = await me.expectStatus(5, ...args);
        expect(stderr).toContain('line 3 is no record of a run');
      }
      expect(readdirSync(me.path('.scap/logs'))).toHaveLength(2);
    },
  );

  it('[B21] a pack full of garbage on a host is replaced by seeding it', async () => {
    const me = await deployed();
    const packs = me.path('.scap/targets/web2/cache/repo.git/objects/pack');
    for (const name of readdirSync(packs)) {
      if (!name.endsWith('.pack')) continue;
      chmodSync(join(packs, name), 0o644);
      writeFileSync(join(packs, name), Buffer.alloc(statSync(join(packs, name)).size, 7));
    }
    await me.expectStatus(0, 'seed', 'web2');
    await withoutAgents(me.cwd);
    expect(await me.json(0, 'status')).toMatchObject({ ok: true });
    await me.expectStatus(0, 'verify', '--deep');
  });

  it('[B21] a repository on a host that git does not take for one is replaced by the next push', async () => {
    const me = await deployed();
    writeFileSync(me.path('.scap/targets/web2/cache/repo.git/HEAD'), '');
    me.stage({ 'index.php': 'three' });
    await me.expectStatus(0, 'push');
    for (const host of ['web1', 'web2', 'web3']) expect(served(me, host)).toBe('three');
  });

  it('[B21] a marker that says nothing means that the revision is made again', async () => {
    const me = await deployed();
    const meta = me.path('.scap/targets/web2/cache/meta');
    for (const name of readdirSync(meta)) if (name.endsWith('.json')) writeFileSync(join(meta, name), 'null');
    await me.expectStatus(0, 'push');
    expect(await me.json(0, 'status')).toMatchObject({ ok: true });
  });

  it('the hint for a damaged state file leaves what is served where it is', async () => {
    const me = await deployed();
    const state = me.path('.scap/targets/web2/cache/state.json');
    writeFileSync(state, '');
    expect((await me.scap('status')).stdout).not.toContain('aside');
    rmSync(state);
    expect(served(me, 'web2')).toBe('two');
    await me.expectStatus(0, 'push');
  });
});

describe('verify', () => {
  it.each<[string, (path: string) => void]>([
    ['nothing', () => {}],
    ['a directory', (path) => mkdirSync(path)],
  ])('[B21] finds %s where a host should serve a revision', async (_what, stand) => {
    const me = await deployed();
    rmSync(me.live('web2'));
    stand(me.live('web2'));
    const { stdout } = await me.expectStatus(1, 'verify');
    expect(stdout).toContain('web2: serves no revision; bring it up with: scap seed web2');
    expect(await me.json(1, 'verify')).toMatchObject({ ok: false });
  });
});

describe('hold', () => {
  it('[B40] does not take the place of somebody else’s', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'hold', '-m', 'mine');
    await me.expectStatus(0, 'hold', '-m', 'mine still');
    const hold = me.path('.scap/hold');
    writeFileSync(hold, JSON.stringify({ ...JSON.parse(readFileSync(hold, 'utf8')), user: 'alice' }));
    const { stderr } = await me.expectStatus(4, 'hold', '-m', 'later');
    expect(stderr).toContain('alice');
    expect(readFileSync(hold, 'utf8')).toContain('mine still');
  });
});
