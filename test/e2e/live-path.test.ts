import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createOperator, fingerprint, type Operator, withoutAgents } from '../support/operator.ts';

const kinds: [string, string, (path: string) => void][] = [
  [
    'directory',
    'a real directory',
    (path) => {
      mkdirSync(path);
      writeFileSync(join(path, 'old.txt'), 'precious');
    },
  ],
  ['file', 'a file', (path) => writeFileSync(path, 'precious')],
  ['foreign-link', 'a link to "/srv/elsewhere"', (path) => symlinkSync('/srv/elsewhere', path)],
];

function occupied(stand: (path: string) => void): Operator {
  const me = createOperator();
  mkdirSync(dirname(me.live('web2')), { recursive: true });
  stand(me.live('web2'));
  return me;
}

describe('a live path where something else stands', () => {
  it.each(kinds)('[B26] %s: is refused with a hint, exit 7, nothing touched anywhere', async (kind, words, stand) => {
    const me = occupied(stand);
    const before = fingerprint(me.path('.scap/targets'));
    const { stderr } = await me.expectStatus(7, 'push', 'staging');
    expect(stderr).toContain(words);
    expect(stderr).toContain('web2');
    expect(stderr).toContain('run the same command with --adopt');
    await withoutAgents(me.cwd);
    expect(fingerprint(me.path('.scap/targets'))).toEqual(before);
    expect(await me.json(7, 'push', 'staging')).toMatchObject({
      ok: false,
      status: 7,
      error: { code: 'live_foreign', data: { hosts: [{ name: 'web2', kind }] } },
    });
  });

  it.each(kinds)('[B26] %s: --adopt moves it aside once, and it survives', async (kind, _words, stand) => {
    const me = occupied(stand);
    const { stderr } = await me.expectStatus(0, 'push', 'staging', '--adopt');
    const names = readdirSync(dirname(me.live('web2'))).filter((name) => name.startsWith('live.before-scap-'));
    expect(names).toHaveLength(1);
    const aside = join(dirname(me.live('web2')), names[0] as string);
    expect(stderr).toContain(aside);
    if (kind === 'directory') expect(readFileSync(join(aside, 'old.txt'), 'utf8')).toBe('precious');
    if (kind === 'file') expect(readFileSync(aside, 'utf8')).toBe('precious');
    expect(readFileSync(join(me.live('web2'), 'index.php'), 'utf8')).toBe('<?php // one\n');

    me.stage({ 'index.php': 'two' });
    await me.expectStatus(0, 'push', '--adopt');
    expect(readdirSync(dirname(me.live('web2'))).filter((name) => name.startsWith('live.before-scap-'))).toEqual(names);
  });

  it('[B42] [B26] a dry run refuses it too', async () => {
    const me = occupied((path) => mkdirSync(path));
    await me.expectStatus(7, 'push', 'staging', '--dry-run');
    await me.expectStatus(0, 'push', 'staging', '--dry-run', '--adopt');
    expect(readdirSync(dirname(me.live('web2')))).toEqual(['live']);
  });
});

describe('a live revision the deploy host does not know', () => {
  it('[B53] is not overwritten unasked, and is with --force', async () => {
    const me = createOperator();
    await me.expectStatus(0, 'push', 'staging');
    await withoutAgents(me.cwd);
    // Another deploy host's targets, seen from a deploy host with an empty state.
    for (const name of readdirSync(me.path('.scap')))
      if (name !== 'targets') rmSync(me.path('.scap', name), { recursive: true });
    me.stage({ 'index.php': 'from another deploy host' });
    const before = await me.targets();
    const { stderr } = await me.expectStatus(7, 'push', 'staging');
    expect(stderr).toContain('a revision this deploy host does not know is live on web1');
    expect(stderr).toContain('--force');
    expect(await me.targets()).toEqual(before);
    expect(await me.json(0, 'push', 'staging', '--force')).toMatchObject({ outcome: 'ok', counts: { promoted: 3 } });
    expect(readFileSync(join(me.live('web3'), 'index.php'), 'utf8')).toBe('from another deploy host');
  });

  it('[B41] after another took over, the stale deploy host is refused by its targets', async () => {
    const me = createOperator();
    const other = createOperator();
    const fleet = (['web1', 'web2'] as const)
      .map((name) => `  ${name}: {cache: ${me.path(name, 'cache')}, live: ${me.path(name, 'live')}}\n`)
      .join('');
    for (const who of [me, other])
      writeFileSync(who.path('scap.yaml'), `staging: staging\nstate: state\nhosts:\n${fleet}`);
    await me.expectStatus(0, 'push');
    other.stage({ 'index.php': 'other' });
    await other.expectStatus(0, 'push', '--force');
    me.stage({ 'index.php': 'me again' });
    const { stderr } = await me.expectStatus(7, 'push');
    expect(stderr).toContain('a revision this deploy host does not know');
    expect(readFileSync(join(realpathSync(me.path('web1/live')), 'index.php'), 'utf8')).toBe('other');
    expect(existsSync(me.path('web2/live'))).toBe(true);
  });
});
