import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Sha } from '../../../src/core/sha.ts';
import { decodeCommit, encodeCommit, type RevisionInfo } from '../../../src/revision/commit-object.ts';
import { git, gitLine, tryGit } from '../../support/git-oracle.ts';
import { useTempDirs } from '../../support/temp-dir.ts';

const tempDir = useTempDirs();
const info: RevisionInfo = {
  tree: '4b825dc642cb6eb9a060e54bf8d69288fbee4904' as Sha,
  parents: [],
  author: 'amir',
  email: 'amir@deploy1',
  time: 1_700_000_000,
  message: 'Fix the search box',
  trailers: { 'Scap-Kind': 'push', 'Scap-Host': 'deploy1' },
};

describe('encodeCommit()', () => {
  it.each<[string, Partial<RevisionInfo>, Partial<RevisionInfo>]>([
    ['plain', {}, {}],
    ['with parents', { parents: ['1'.repeat(40) as Sha] }, {}],
    ['without a message', { message: '' }, {}],
    ['with a body', { message: 'One\n\nTwo\nthree\n\n- four' }, {}],
    ['with a message that looks like trailers', { message: 'x\n\nScap-Kind: forged\nScap-Host: elsewhere' }, {}],
    ['with a message that looks like headers', { message: `tree ${'1'.repeat(40)}\nauthor x <x> 1 +0000` }, {}],
    ['with text of any language', { author: 'Ämir 日本', message: 'Größe 😀' }, {}],
    [
      'with a forged header in the author',
      { author: 'a\ncommitter b <c> 1 +0000' },
      { author: 'a committer b c 1 +0000' },
    ],
    ['with brackets in the author', { author: 'a <b>', email: '<c>\n' }, { author: 'a b', email: 'c' }],
    ['without an author', { author: ' ' }, { author: 'unknown' }],
    [
      'with a line feed in a trailer',
      { trailers: { 'Scap-Host': 'a\nScap-Kind: b' } },
      { trailers: { 'Scap-Host': 'a Scap-Kind: b' } },
    ],
    ['with NUL in the message', { message: 'a\0b' }, { message: 'a b' }],
  ])('gives back a revision %s', (_, given, expected) => {
    expect(decodeCommit(encodeCommit({ ...info, ...given }))).toEqual({ ...info, ...given, ...expected });
  });

  it('[I2] writes the same bytes for the same revision, and git finds nothing wrong with them', () => {
    const repository = join(tempDir(), 'r.git');
    git(['init', '--quiet', '--bare', repository]);
    git(['--git-dir', repository, 'hash-object', '-w', '-t', 'tree', '--stdin']);
    const input = encodeCommit(info);
    expect(encodeCommit({ ...info }).equals(input)).toBe(true);
    const sha = gitLine(['--git-dir', repository, 'hash-object', '-w', '-t', 'commit', '--stdin'], { input });
    expect(tryGit(['--git-dir', repository, 'fsck', '--strict', sha])).toMatchObject({ status: 0 });
    const format = '%an|%ae|%at|%s|%(trailers:key=Scap-Kind,valueonly,separator=%x2C)';
    expect(gitLine(['--git-dir', repository, 'show', '-s', `--format=${format}`, sha])).toBe(
      'amir|amir@deploy1|1700000000|Fix the search box|push',
    );
  });
});
