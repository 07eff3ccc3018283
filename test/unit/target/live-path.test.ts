import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createTargetLayout, type TargetLayout } from '../../../src/target/layout.ts';
import {
  moveAside,
  readLivePath,
  rehearseSwitch,
  removeLivePath,
  switchLivePath,
} from '../../../src/target/live-path.ts';
import { sha } from '../../support/deploy-facts.ts';
import { useTempDirs } from '../../support/temp-dir.ts';

const tempDir = useTempDirs();
let directory: string;
let layout: TargetLayout;
beforeEach(() => {
  directory = tempDir();
  layout = createTargetLayout(join(directory, 'cache'), join(directory, 'srv/live'));
  mkdirSync(layout.revision(sha('a')), { recursive: true });
  mkdirSync(join(directory, 'srv'));
});

describe('rehearseSwitch()', () => {
  it('[B22] leaves the live path and work/ as they were', () => {
    mkdirSync(layout.work);
    switchLivePath(layout, sha('a'));
    const before = lstatSync(layout.live, { bigint: true });
    rehearseSwitch(layout, sha('b'));
    const after = lstatSync(layout.live, { bigint: true });
    expect([after.ino, after.ctimeNs]).toEqual([before.ino, before.ctimeNs]);
    expect(readLivePath(layout)).toEqual({ kind: 'revision', sha: sha('a') });
    expect(readdirSync(layout.work)).toEqual([]);
  });

  it('never fails: where it cannot write, the switch itself will tell', () => {
    expect(() => rehearseSwitch(layout, sha('a'))).not.toThrow();
  });
});

describe('removeLivePath()', () => {
  it('[B32] takes the link away and nothing else', () => {
    switchLivePath(layout, sha('a'));
    removeLivePath(layout);
    expect(readLivePath(layout)).toEqual({ kind: 'absent' });
    expect(existsSync(layout.revision(sha('a')))).toBe(true);
  });

  it.each([
    ['a directory', () => mkdirSync(layout.live)],
    ['a file', () => writeFileSync(layout.live, 'theirs')],
    ['a link', () => symlinkSync('/elsewhere', layout.live)],
  ])('[B32] puts back what was moved aside: %s', (_what, make) => {
    make();
    const inode = lstatSync(layout.live).ino;
    const aside = moveAside(layout);
    expect(aside.startsWith(`${layout.live}.before-scap-`)).toBe(true);
    switchLivePath(layout, sha('a'));
    removeLivePath(layout, aside);
    expect(lstatSync(layout.live).ino).toBe(inode);
    expect(readdirSync(join(directory, 'srv'))).toEqual(['live']);
  });

  it.each([
    ['another file of the machine', () => join(directory, 'secret')],
    ['a name that only begins like ours', () => `${layout.live}.before-scap`],
    ['a path below one of ours', () => `${layout.live}.before-scap-x/secret`],
    ['a path that leads out of one of ours', () => `${layout.live}.before-scap-/../../secret`],
    ['one of another live path', () => `${join(directory, 'srv/other')}.before-scap-20260101T000000Z`],
    ['a relative name', () => 'live.before-scap-20260101T000000Z'],
    ['nothing', () => ''],
  ])('[I7] puts nothing back from %s: the name came over the wire', (_what, putBack) => {
    writeFileSync(join(directory, 'secret'), 'secret');
    mkdirSync(`${layout.live}.before-scap-x`);
    writeFileSync(`${layout.live}.before-scap-x/secret`, 'secret');
    writeFileSync(`${layout.live}.before-scap`, 'secret');
    writeFileSync(`${join(directory, 'srv/other')}.before-scap-20260101T000000Z`, 'secret');
    switchLivePath(layout, sha('a'));
    removeLivePath(layout, putBack());
    expect(readLivePath(layout)).toEqual({ kind: 'absent' });
    expect(readFileSync(join(directory, 'secret'), 'utf8')).toBe('secret');
    expect(readdirSync(join(directory, 'srv')).sort()).toEqual([
      'live.before-scap',
      'live.before-scap-x',
      'other.before-scap-20260101T000000Z',
    ]);
  });

  it('[B20] leaves alone what is not ours', () => {
    symlinkSync('/elsewhere', layout.live);
    writeFileSync(`${layout.live}.before-scap-x`, 'theirs');
    removeLivePath(layout, `${layout.live}.before-scap-x`);
    expect(readlinkSync(layout.live)).toBe('/elsewhere');
    expect(existsSync(`${layout.live}.before-scap-x`)).toBe(true);
  });
});
