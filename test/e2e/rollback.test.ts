import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createOperator, type Operator } from '../support/operator.ts';

/** Pushes a revision for each text and returns their shas, oldest first. */
async function pushes(me: Operator, ...texts: string[]): Promise<string[]> {
  const shas: string[] = [];
  for (const text of texts) {
    me.stage({ 'index.php': text });
    shas.push((await me.json(0, 'push', 'staging', '-m', `deploy ${text}`)).revision);
  }
  return shas;
}

const index = (me: Operator, host = 'web1') => readFileSync(join(me.live(host), 'index.php'), 'utf8');

describe('scap rollback', () => {
  it('[B33] goes back to what was live before, without sending anything', async () => {
    const me = createOperator();
    const [one, two] = await pushes(me, 'one', 'two');
    const result = await me.json(0, 'rollback');
    expect(result).toMatchObject({
      ok: true,
      kind: 'rollback',
      outcome: 'ok',
      revision: one,
      base: two,
      counts: { promoted: 3 },
    });
    for (const host of ['web1', 'web2', 'web3']) expect(index(me, host)).toBe('one');
    const log = readFileSync(
      me.path('.scap/logs', readdirSync(me.path('.scap/logs')).find((name) => name.startsWith('3-')) as string),
      'utf8',
    );
    const events = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.filter(({ type }) => type === 'bundle.built')).toEqual([]);
    const fetched = events.filter(({ type, task }) => type === 'task.finished' && task.startsWith('fetch@'));
    expect(fetched.map(({ data }) => [data.result, data.sentBytes])).toEqual(Array(3).fill(['present', 0]));
  });

  it('says for people what is live now', async () => {
    const me = createOperator();
    const [one] = await pushes(me, 'one', 'two');
    const { stdout } = await me.expectStatus(0, 'rollback');
    expect(stdout).toContain(`Revision ${one?.slice(0, 12)} is live on 3 of 3 hosts`);
  });

  it('twice goes back two steps, not forth again', async () => {
    const me = createOperator();
    const [one] = await pushes(me, 'one', 'two', 'three');
    await me.expectStatus(0, 'rollback');
    expect(index(me)).toBe('two');
    expect((await me.json(0, 'rollback')).revision).toBe(one);
    expect(index(me)).toBe('one');
    const { stderr } = await me.expectStatus(2, 'rollback');
    expect(stderr).toContain('0 older revisions were live before and are still held');
  });

  it.each([
    ['-1', 'two'],
    ['-2', 'one'],
  ])('%s goes back so many deploys', async (steps, expected) => {
    const me = createOperator();
    await pushes(me, 'one', 'two', 'three');
    await me.expectStatus(0, 'rollback', steps);
    expect(index(me)).toBe(expected);
  });

  it('takes options before and after -N', async () => {
    const me = createOperator();
    await pushes(me, 'one', 'two', 'three');
    await me.expectStatus(0, 'rollback', '-m', 'why not', '-2', '--dry-run');
    expect(index(me)).toBe('three');
    await me.expectStatus(0, 'rollback', '-2', '-m', 'why not');
    expect(index(me)).toBe('one');
    expect((await me.json(0, 'history')).runs[0].message).toBe('why not');
  });

  it('goes to a revision by a prefix of seven digits', async () => {
    const me = createOperator();
    const [one] = await pushes(me, 'one', 'two', 'three');
    expect((await me.json(0, 'rollback', one?.slice(0, 7) as string)).revision).toBe(one);
    expect(index(me)).toBe('one');
  });

  it.each([
    ['abcdef0123', 'abcdef0123'],
    ['abc', 'abc'],
    ['HEAD~1', 'HEAD~1'],
    ['-0', '-0'],
    ['-99', '99'],
    ['--bogus', '--bogus'],
  ])('does not understand %s: exit 2 with a hint, nothing touched', async (argument, named) => {
    const me = createOperator();
    await pushes(me, 'one', 'two');
    const before = await me.targets();
    const { stderr } = await me.expectStatus(2, 'rollback', argument);
    expect(stderr).toContain(named);
    expect(stderr).toMatch(/hint:|see: scap/);
    expect(await me.targets()).toEqual(before);
  });

  it('to what is live already has nothing to do', async () => {
    const me = createOperator();
    const [, two] = await pushes(me, 'one', 'two');
    expect((await me.expectStatus(0, 'rollback', two as string)).stdout).toContain('Nothing to do');
  });

  it('[B33] marks what was rolled back in history until it is deployed again', async () => {
    const me = createOperator();
    const [one, two] = await pushes(me, 'one', 'two');
    await me.expectStatus(0, 'rollback', '-m', 'two is bad');
    const { runs } = await me.json(0, 'history');
    expect(
      runs.map((run: { n: number; sha: string; kind: string; live: boolean; bad: boolean }) => [
        run.n,
        run.sha,
        run.kind,
        run.live,
        run.bad,
      ]),
    ).toEqual([
      [3, one, 'rollback', true, false],
      [2, two, 'push', false, true],
      [1, one, 'push', false, false],
    ]);
    expect((await me.expectStatus(0, 'history')).stdout).toMatch(/2 .* push .* rolled back/);

    await me.expectStatus(0, 'push');
    const after = await me.json(0, 'history');
    expect(after.runs.map((run: { bad: boolean }) => run.bad)).toEqual([false, false, false, false]);
  });

  it('[I2] a push of the same bytes after it uses the revision that is there', async () => {
    const me = createOperator();
    const [, two] = await pushes(me, 'one', 'two');
    await me.expectStatus(0, 'rollback');
    const result = await me.json(0, 'push');
    expect(result).toMatchObject({ created: false, revision: two, outcome: 'ok' });
    expect(index(me)).toBe('two');
    expect((await me.json(0, 'rollback')).revision).toBe(result.base);
  });

  it('[B33] brings a revision that a host has lost', async () => {
    const me = createOperator();
    const [one] = await pushes(me, 'one', 'two');
    for (const part of ['revs', 'meta'])
      for (const name of readdirSync(join(me.cache('web2'), part)))
        if (name.startsWith(one as string)) rmSync(join(me.cache('web2'), part, name), { recursive: true });
    await me.expectStatus(0, 'rollback');
    expect(index(me, 'web2')).toBe('one');
    await me.expectStatus(0, 'verify', '--deep');
  });

  it('a host that missed the deploy stays where it is: unchanged', async () => {
    const me = createOperator();
    const [one] = await pushes(me, 'one');
    me.stage({ 'index.php': 'two' });
    await me.expectStatus(0, 'push');
    const result = await me.json(0, 'rollback', one as string);
    expect(result.counts).toMatchObject({ promoted: 3 });
    const again = await me.json(0, 'rollback', one as string);
    expect(again).toMatchObject({ outcome: 'nothing', unchanged: ['web1', 'web2', 'web3'] });
  });

  it('before anything was deployed says so and creates nothing', async () => {
    const me = createOperator();
    const { stderr } = await me.expectStatus(2, 'rollback');
    expect(stderr).toContain('nothing was deployed yet');
  });
});
