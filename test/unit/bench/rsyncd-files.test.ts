import { describe, expect, it } from 'vitest';
import { formatRsyncdConfig, formatSecrets } from '../../../scripts/lib/bench/seeding/rsyncd-files.ts';

describe('formatRsyncdConfig()', () => {
  it('serves one directory at one address, to read, for who has a secret', () => {
    const place = { address: '10.64.0.2', port: 8873, tree: '/f/live', secretsFile: '/f/secrets' };
    expect(formatRsyncdConfig(place)).toBe(`address = 10.64.0.2
port = 8873
log file = /dev/null
reverse lookup = no
[tree]
path = /f/live
read only = yes
list = no
use chroot = yes
uid = 0
gid = 0
auth users = *
secrets file = /f/secrets
strict modes = yes
`);
  });
});

describe('formatSecrets()', () => {
  it('writes one user a line', () => {
    const secrets = new Map([
      ['mw2', 'a1'],
      ['mw3', 'b2'],
    ]);
    expect(formatSecrets(secrets)).toBe('mw2:a1\nmw3:b2\n');
    expect(formatSecrets(new Map())).toBe('');
  });
});
