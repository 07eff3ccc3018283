// The real `ssh -G`.
import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseOpensshConfig, readOpensshConfig } from '../../../../src/transport/ssh/openssh-config.ts';
import { resolveDestination } from '../../../../src/transport/ssh/resolve-destination.ts';
import { sshSettings } from '../../../support/ssh-settings.ts';
import { useTempDirs } from '../../../support/temp-dir.ts';

const tempDir = useTempDirs();

function write(...lines: string[]): string {
  const configFile = join(tempDir(), 'config');
  writeFileSync(configFile, `${lines.join('\n')}\n`);
  return configFile;
}

describe('readOpensshConfig()', () => {
  const ask = (configFile: string, host = 'mw1') =>
    readOpensshConfig({ host, user: undefined, port: undefined, configFile });

  it('follows Include, Host and Match, and expands what is to be expanded', async () => {
    const included = write('Host mw*', '  HostName %h.example.org');
    const found = await ask(write(`Include ${included}`, 'Match originalhost mw1', '  User deploy', '  Port 2222'));
    expect(found.get('hostname')).toEqual(['mw1.example.org']);
    expect(found.get('user')).toEqual(['deploy']);
    expect(found.get('port')).toEqual(['2222']);
  });

  it('user and port given are those that Match sees', async () => {
    const configFile = write('Match user other', '  HostName elsewhere');
    const found = await readOpensshConfig({ host: 'mw1', user: 'other', port: 7, configFile });
    expect(found.get('hostname')).toEqual(['elsewhere']);
    expect(found.get('port')).toEqual(['7']);
  });

  it('a name that looks like an option is a name', async () => {
    await expect(ask(write('User deploy'), '-oProxyCommand=false')).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('none: nothing is asked', async () => {
    expect((await ask('none')).size).toBe(0);
  });

  it.each([
    ['a broken file', () => write('NoSuchOption yes'), 'nosuchoption'],
    ['a file that is not there', () => join(tempDir(), 'nothing'), 'No such file'],
  ])('%s: config_invalid, in the words of ssh', async (_what, configFile, words) => {
    const error = ask(configFile());
    await expect(error).rejects.toMatchObject({ code: 'config_invalid', hint: expect.any(String) });
    await expect(error).rejects.toThrow(new RegExp(words, 'i'));
  });
});

describe('parseOpensshConfig()', () => {
  it('keeps every value of a key, in order', () => {
    const found = parseOpensshConfig('IdentityFile /a\nidentityfile /b c\nbatchmode\n');
    expect([...found]).toEqual([['identityfile', ['/a', '/b c']]]);
  });
});

describe('resolveDestination(), with the real ssh', () => {
  const resolve = (...lines: string[]) =>
    resolveDestination({ name: 'mw1' }, sshSettings({ configFile: write(...lines) }));

  it('keys, known hosts, jump hosts and the agent come from the file', async () => {
    expect(
      await resolve(
        'IdentityFile ~/k1',
        'IdentityFile /k2',
        'IdentitiesOnly yes',
        'IdentityAgent /agent.sock',
        'UserKnownHostsFile /kh1 ~/kh2',
        'GlobalKnownHostsFile none',
        'HostKeyAlias alias',
        'Host mw1',
        '  ProxyJump me@bastion:2222',
      ),
    ).toMatchObject({
      identities: { files: [join(homedir(), 'k1'), '/k2'], only: true, agent: '/agent.sock' },
      knownHosts: ['/kh1', join(homedir(), 'kh2')],
      hostKeyAlias: 'alias',
      jumps: [{ address: 'bastion', port: 2222, user: 'me' }],
    });
  });

  it('IdentityAgent none: no agent, whatever the environment says', async () => {
    const before = process.env.SSH_AUTH_SOCK;
    process.env.SSH_AUTH_SOCK = '/of/the/environment';
    try {
      expect((await resolve('IdentityAgent none')).identities.agent).toBeUndefined();
      expect((await resolve('IdentityAgent SSH_AUTH_SOCK')).identities.agent).toBe('/of/the/environment');
      expect((await resolve('IdentityAgent $SSH_AUTH_SOCK')).identities.agent).toBe('/of/the/environment');
      expect((await resolve('User x')).identities.agent).toBe('/of/the/environment');
    } finally {
      if (before === undefined) delete process.env.SSH_AUTH_SOCK;
      else process.env.SSH_AUTH_SOCK = before;
    }
  });
});
