import { describe, expect, it } from 'vitest';
import { neutralise, parseStatus, withoutCredentials } from '../../../src/staging/describe-checkout.ts';

const head = '1'.repeat(40);

describe('parseStatus()', () => {
  it.each([
    ['clean', `# branch.oid ${head}\0# branch.head main\0`, { head, branch: 'main', dirty: false }],
    ['edited', `# branch.oid ${head}\0# branch.head main\x001 .M N... f\0`, { head, branch: 'main', dirty: true }],
    ['untracked', `# branch.oid ${head}\0# branch.head main\0? new\0`, { head, branch: 'main', dirty: true }],
    ['detached', `# branch.oid ${head}\0# branch.head (detached)\0`, { head, dirty: false }],
    ['unborn', '# branch.oid (initial)\0# branch.head main\0', { branch: 'main', dirty: false }],
    [
      'with an upstream',
      `# branch.oid ${head}\0# branch.head a\0# branch.upstream o/a\0# branch.ab +1 -2\0`,
      { head, branch: 'a', dirty: false },
    ],
  ])('reads a checkout that is %s', (_, output, expected) => {
    expect(parseStatus(output)).toEqual(expected);
  });
});

describe('[B12] withoutCredentials()', () => {
  it.each([
    ['https://user:secret@example.org/r.git', 'https://example.org/r.git'],
    ['https://secret@example.org/r.git', 'https://example.org/r.git'],
    ['https://user:p@ss:w@rd@example.org/r.git', 'https://example.org/r.git'],
    ['HTTPS://user:secret@example.org', 'HTTPS://example.org'],
    ['ssh://git@example.org:29418/r', 'ssh://example.org:29418/r'],
    ['https://example.org/a@b', 'https://example.org/a@b'],
    ['git@example.org:r.git', 'git@example.org:r.git'],
    ['/srv/r.git', '/srv/r.git'],
    ['../r@x.git', '../r@x.git'],
  ])('shows %j as %j', (url, expected) => {
    expect(withoutCredentials(url)).toBe(expected);
  });
});

describe('neutralise()', () => {
  it('gives every name that may start a program a value that keeps it from doing so, and leaves the others alone', () => {
    const names = [
      'filter.evil.clean',
      'filter.a=b\nc.process',
      'filter.evil.required',
      'protocol.ext.allow',
      'remote.origin.uploadpack',
      'remote.origin.url',
      'core.bare',
      'filter.evil.clean',
    ];
    expect(neutralise(names)).toEqual([
      ['filter.evil.clean', ''],
      ['filter.a=b\nc.process', ''],
      ['filter.evil.required', 'false'],
      ['protocol.ext.allow', 'never'],
      ['remote.origin.uploadpack', 'false'],
    ]);
  });
});
