import { describe, expect, it } from 'vitest';
import { parseRepositoryUrl, withoutPassword } from '../../../src/git/remote.ts';

describe('parseRepositoryUrl()', () => {
  it.each([
    ['/srv/scap/repo.git', '/srv/scap/repo.git'],
    ['./repo.git', '/here/repo.git'],
    ['../repo.git', '/repo.git'],
    ['.', '/here'],
    ['file:///srv/scap/repo.git', 'file:///srv/scap/repo.git'],
    ['ssh://deploy@deploy1:2222/srv/scap/repo.git', 'ssh://deploy@deploy1:2222/srv/scap/repo.git'],
    ['https://deploy.example/scap.git', 'https://deploy.example/scap.git'],
    ['git://deploy.example/scap.git', 'git://deploy.example/scap.git'],
    ['deploy1:/srv/scap/repo.git', 'deploy1:/srv/scap/repo.git'],
    ['me@deploy1.example:repo.git', 'me@deploy1.example:repo.git'],
  ])('%s', (text, expected) => {
    expect(parseRepositoryUrl(text, '/here')).toBe(expected);
  });

  it.each([
    '',
    'repo.git',
    '-u',
    '--upload-pack=x',
    'ext::sh -c x',
    'fd::3',
    'http://deploy1/repo.git',
    'ftp://deploy1/repo.git',
    'ssh://-oProxyCommand=x/repo.git',
    'ssh://-x@deploy1/repo.git',
    '-oProxyCommand=x:repo.git',
    '-x@deploy1:repo.git',
    'deploy1:--upload-pack=x',
    'deploy1:',
  ])('refuses %j', (text) => {
    expect(() => parseRepositoryUrl(text, '/here')).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});

describe('withoutPassword()', () => {
  it.each([
    ['https://ann:hunter2@deploy.example/scap.git', 'https://…@deploy.example/scap.git'],
    ['https://token@deploy.example/scap.git', 'https://…@deploy.example/scap.git'],
    ['https://ann:hunter@2@deploy.example/scap.git', 'https://…@deploy.example/scap.git'],
    ['ssh://ann:hunter@2@deploy1:22/srv/repo.git', 'ssh://ann:…@deploy1:22/srv/repo.git'],
    ['ssh://ann@deploy1:22/srv/repo.git', 'ssh://ann@deploy1:22/srv/repo.git'],
    ['https://deploy.example:444/a@b.git', 'https://deploy.example:444/a@b.git'],
    ['ann@deploy1:repo.git', 'ann@deploy1:repo.git'],
    ['/srv/a:b@c/repo.git', '/srv/a:b@c/repo.git'],
  ])('[B12] %s', (url, shown) => {
    expect(withoutPassword(url)).toBe(shown);
  });
});
