import {
  appendFileSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createOperator, withoutAgents } from '../support/operator.ts';

describe('scap status', () => {
  it('before anything was deployed says so, exit 0, and creates nothing', async () => {
    const me = createOperator();
    const { stdout } = await me.expectStatus(0, 'status');
    expect(stdout).toContain('Nothing was deployed yet');
    expect(stdout).toMatch(/web1 +all +empty/);
    const status = await me.json(0, 'status');
    expect(status).toMatchObject({
      ok: true,
      desired: null,
      hosts: [{ host: 'web1', group: 'all', state: 'empty' }, {}, {}],
    });
    expect(() => readFileSync(me.path('.scap/hosts.json'))).toThrow('ENOENT');
  });

  it('[B28] tells what should be live and that every host serves it', async () => {
    const me = createOperator();
    const { revision } = await me.json(0, 'push', 'staging', '-m', 'first');
    const { stdout } = await me.expectStatus(0, 'status');
    expect(stdout).toContain(`Revision ${revision.slice(0, 12)} should be live`);
    expect(stdout).toMatch(/Last run: 1 \(push\) by \S+, ok/);
    const status = await me.json(0, 'status');
    expect(Object.keys(status).sort()).toEqual(['counts', 'desired', 'hosts', 'lastDeploy', 'newest', 'ok']);
    expect(status.counts).toEqual({ current: 3 });
    expect(status).toMatchObject({
      ok: true,
      desired: revision,
      newest: revision,
      lastDeploy: { n: 1, kind: 'push', message: 'first' },
    });
    expect(status.hosts[0]).toMatchObject({
      host: 'web1',
      group: 'all',
      state: 'current',
      live: { kind: 'revision', sha: revision },
      complete: [revision],
      drift: 0,
    });
  });

  it('[B28] names every host that differs and how: drifted, empty, foreign, behind', async () => {
    const me = createOperator();
    const one = (await me.json(0, 'push', 'staging')).revision;
    me.stage({ 'index.php': 'two' });
    const two = (await me.json(0, 'push')).revision;
    appendFileSync(join(me.live('web1'), 'index.php'), 'tampered');
    unlinkSync(me.live('web2'));
    unlinkSync(me.live('web3'));
    symlinkSync(join(realpathSync(me.cache('web3')), 'revs', one), me.live('web3'));
    const status = await me.json(1, 'status');
    expect(status).toMatchObject({ ok: false, desired: two });
    expect(status.hosts.map(({ state, drift }: { state: string; drift?: number }) => [state, drift])).toEqual([
      ['drifted', 1],
      ['empty', undefined],
      ['behind', 0],
    ]);
    symlinkSync('/nowhere', me.live('web2'));
    expect((await me.json(1, 'status')).hosts[1]).toMatchObject({
      state: 'foreign',
      live: { kind: 'foreign-link', detail: '/nowhere' },
    });
  });

  it('[B41] [B53] tells of a revision this deploy host does not know', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    await withoutAgents(me.cwd);
    for (const name of ['repo.git', 'staging.index', 'deploys.jsonl', 'logs', 'hosts.json'])
      rmSync(me.path('.scap', name), { recursive: true });
    expect((await me.json(1, 'status')).hosts[0].state).toBe('unknown-revision');
  });
});

describe('scap verify', () => {
  it('[I7] finds an edit, a missing and an extra file, and a changed mode', async () => {
    const me = createOperator();
    const { revision } = await me.json(0, 'push', 'staging');
    const live = me.live('web2');
    writeFileSync(join(live, 'index.php'), 'longer than it was before');
    unlinkSync(join(live, 'docroot/robots.txt'));
    writeFileSync(join(live, 'wmf-config/backdoor.php'), 'x');
    const report = await me.json(1, 'verify');
    expect(report).toEqual({
      ok: false,
      deep: false,
      hosts: [
        { host: 'web1', revision, drift: [], error: null },
        {
          host: 'web2',
          revision,
          drift: [
            { path: 'docroot/robots.txt', kind: 'missing' },
            { path: 'index.php', kind: 'changed' },
            { path: 'wmf-config/backdoor.php', kind: 'extra' },
          ],
          error: null,
        },
        { host: 'web3', revision, drift: [], error: null },
      ],
    });
    const { stdout } = await me.expectStatus(1, 'verify');
    expect(stdout).toContain('web1: revision');
    expect(stdout).toContain('was changed on disk in 3 places');
  });

  it('[I7] --deep finds bytes that were changed under the same size and time', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    // While an agent still links and deletes, a changed ctime may be its doing: only then the quick look passes it over.
    await withoutAgents(me.cwd);
    const file = join(realpathSync(me.live('web1')), 'index.php');
    const { mtime, atime } = (await import('node:fs')).statSync(file);
    writeFileSync(file, '<?php // ONE\n');
    utimesSync(file, atime, mtime);
    for (const flags of [[], ['--deep']]) {
      const report = await me.json(1, 'verify', ...flags);
      expect(report.hosts[0].drift).toEqual([{ path: 'index.php', kind: 'changed' }]);
    }
  });

  it('[I7] --deep --repair mends what only hashing finds', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    await withoutAgents(me.cwd);
    const file = join(realpathSync(me.live('web1')), 'index.php');
    const { mtime, atime } = statSync(file);
    writeFileSync(file, '<?php // ONE\n');
    utimesSync(file, atime, mtime);
    // As if scap itself had been linking or deleting files then: the quick look passes a changed ctime over.
    const window = { from: 0, to: Date.now() + 60_000 };
    writeFileSync(join(me.cache('web1'), 'ctime-windows.json'), JSON.stringify([window]));
    await me.expectStatus(0, 'verify');
    await me.expectStatus(1, 'verify', '--deep');
    await me.expectStatus(0, 'verify', '--deep', '--repair');
    expect(readFileSync(file, 'utf8')).toBe('<?php // one\n');
    await me.expectStatus(0, 'verify', '--deep');
  });

  it('is whole after a push, by stat and by hash; before it there is nothing', async () => {
    const me = createOperator();
    expect((await me.expectStatus(0, 'verify')).stdout).toBe(
      'web1: serves nothing\nweb2: serves nothing\nweb3: serves nothing\n',
    );
    const { revision } = await me.json(0, 'push', 'staging');
    expect((await me.expectStatus(0, 'verify', '--deep')).stdout).toBe(
      ['web1', 'web2', 'web3'].map((host) => `${host}: revision ${revision.slice(0, 12)} is whole\n`).join(''),
    );
  });
});

describe('scap history', () => {
  it('lists every run, newest first, as many as asked for', async () => {
    const me = createOperator();
    expect((await me.expectStatus(0, 'history')).stdout).toBe('Nothing was deployed yet\n');
    expect(await me.json(0, 'history')).toEqual({ ok: true, runs: [] });
    const one = (await me.json(0, 'push', 'staging', '-m', 'first')).revision;
    me.stage({ 'index.php': 'two' });
    const two = (await me.json(0, 'push', '-m', 'second')).revision;
    const { runs } = await me.json(0, 'history');
    expect(runs).toMatchObject([
      {
        n: 2,
        kind: 'push',
        sha: two,
        previous: one,
        message: 'second',
        outcome: 'ok',
        live: true,
        bad: false,
        held: true,
        counts: { promoted: 3 },
      },
      {
        n: 1,
        kind: 'push',
        sha: one,
        previous: null,
        message: 'first',
        outcome: 'ok',
        live: false,
        bad: false,
        held: true,
      },
    ]);
    expect(Object.keys(runs[0]).sort()).toEqual(
      [
        'n',
        'plan',
        'kind',
        'sha',
        'previous',
        'user',
        'host',
        'message',
        'startedAt',
        'finishedAt',
        'outcome',
        'counts',
        'hosts',
        'live',
        'bad',
        'held',
      ].sort(),
    );
    expect((await me.expectStatus(0, 'history', '-n', '1')).stdout.trim().split('\n')).toHaveLength(2);
  });

  it('marks the deploy that is live, not a clean that came after it', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    await me.expectStatus(0, 'clean');
    const { runs } = await me.json(0, 'history');
    expect(runs.map(({ kind, live }: { kind: string; live: boolean }) => [kind, live])).toEqual([
      ['clean', false],
      ['push', true],
    ]);
  });
});

describe('scap show', () => {
  it('[B11] tells who, when, why and what changed', async () => {
    const me = createOperator();
    const one = (await me.json(0, 'push', 'staging', '-m', 'The first\n\nwith a second paragraph')).revision;
    me.stage({ 'index.php': 'two', 'docroot/new.txt': 'x' });
    const two = (await me.json(0, 'push', '-m', 'The second')).revision;
    const shown = await me.json(0, 'show');
    expect(shown).toMatchObject({
      ok: true,
      revision: two,
      live: true,
      message: 'The second',
      parents: [one],
      record: { kind: 'push', files: 7 },
      difference: { from: one, totals: { added: 1, changed: 1, removed: 0 } },
    });
    expect(shown.difference.files.map(({ path, kind }: { path: string; kind: string }) => [path, kind])).toEqual([
      ['docroot/new.txt', 'added'],
      ['index.php', 'changed'],
    ]);
    const text = (await me.expectStatus(0, 'show', one.slice(0, 7))).stdout;
    expect(text).toContain(`revision  ${one}\n`);
    expect(text).toContain('    with a second paragraph');
    expect(text).toContain('made from nothing (the first)');
  });

  it('compares two revisions, in the order of git diff', async () => {
    const me = createOperator();
    const one = (await me.json(0, 'push', 'staging')).revision;
    me.stage({ 'docroot/new.txt': 'x' });
    const two = (await me.json(0, 'push')).revision;
    expect(await me.json(0, 'show', one, two)).toMatchObject({
      revision: two,
      difference: { from: one, files: [{ path: 'docroot/new.txt', kind: 'added' }] },
    });
    expect(await me.json(0, 'show', two, one)).toMatchObject({
      revision: one,
      difference: { from: two, files: [{ path: 'docroot/new.txt', kind: 'removed' }] },
    });
  });

  it.each([['deadbeef0'], ['zzz'], ['abc']])('does not know %s: exit 2', async (name) => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    const { stderr, stdout } = await me.expectStatus(2, 'show', name);
    expect(stderr).toContain(name);
    expect(stdout).toBe('');
  });

  it('before anything was deployed: exit 2', async () => {
    const me = createOperator();
    expect((await me.expectStatus(2, 'show')).stderr).toContain('nothing was deployed yet');
  });
});

describe('scap hold, lock, unlock', () => {
  it('[B40] a hold forbids deploys until it is lifted, and says who and why', async () => {
    const me = createOperator();
    expect(await me.json(0, 'lock')).toEqual({ ok: true, running: null, hold: null });
    await me.expectStatus(0, 'hold', '-m', 'outage, ask Ada');
    const refused = await me.expectStatus(4, 'push', 'staging');
    expect(refused.stderr).toContain('outage, ask Ada');
    expect(refused.stderr).toContain('scap unlock');
    expect(await me.json(0, 'lock')).toMatchObject({
      running: null,
      hold: { reason: 'outage, ask Ada', user: expect.any(String) },
    });
    expect((await me.expectStatus(0, 'status')).stdout).toContain('outage, ask Ada');
    expect((await me.json(0, 'unlock')).lifted).toMatchObject({ reason: 'outage, ask Ada' });
    expect((await me.expectStatus(0, 'unlock')).stdout).toBe('There was no hold\n');
    await me.expectStatus(0, 'push', 'staging');
  });

  it('a hold needs a reason', async () => {
    const me = createOperator();
    expect((await me.expectStatus(2, 'hold')).stderr).toContain('-m, --message');
  });
});
