import { homedir, userInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { parseOpensshConfig } from '../../../../src/transport/ssh/openssh-config.ts';
import { parseHop, resolveDestination } from '../../../../src/transport/ssh/resolve-destination.ts';
import type { SshSettings } from '../../../../src/transport/ssh/settings.ts';

const settings: SshSettings = {
  configFile: undefined,
  identityFiles: [],
  knownHosts: [],
  connectTimeoutMs: 10_000,
  maxStarts: 30,
  keepAliveMs: 5000,
  proxyJump: undefined,
  node: undefined,
};
const resolve = (
  host: Parameters<typeof resolveDestination>[0],
  openssh: string | Record<string, string> = '',
  more: Partial<SshSettings> = {},
) =>
  resolveDestination(host, { ...settings, ...more }, async ({ host: name }) =>
    parseOpensshConfig(typeof openssh === 'string' ? openssh : (openssh[name] ?? '')),
  );

describe('resolveDestination', () => {
  it('without any configuration: the defaults of OpenSSH', async () => {
    expect(await resolve({ name: 'mw1' })).toMatchObject({
      name: 'mw1',
      address: 'mw1',
      port: 22,
      user: userInfo().username,
      knownHosts: expect.arrayContaining([`${homedir()}/.ssh/known_hosts`]),
      identities: { only: false, files: expect.arrayContaining([`${homedir()}/.ssh/id_ed25519`]) },
      jumps: [],
    });
  });

  it('the SSH client configuration fills in what scap.yaml leaves open', async () => {
    const openssh =
      'hostname 10.0.0.1\nport 2222\nuser deploy\nidentityfile ~/.ssh/a\nidentityfile /b\nidentitiesonly yes\n' +
      'userknownhostsfile ~/k1 /k2\nglobalknownhostsfile /k3\nhostkeyalias fleet\nproxycommand none\n';
    expect(await resolve({ name: 'mw1' }, openssh)).toMatchObject({
      address: '10.0.0.1',
      port: 2222,
      user: 'deploy',
      hostKeyAlias: 'fleet',
      knownHosts: [`${homedir()}/k1`, '/k2', '/k3'],
      identities: { only: true, files: [`${homedir()}/.ssh/a`, '/b'] },
    });
  });

  it('scap.yaml is stronger', async () => {
    const openssh = 'hostname 10.0.0.1\nport 2222\nuser deploy\nidentityfile /b\nuserknownhostsfile /k\n';
    const host = { name: 'mw1', address: '192.0.2.7', port: 22, user: 'me' };
    expect(await resolve(host, openssh, { identityFiles: ['/mine'], knownHosts: ['/my-hosts'] })).toMatchObject({
      port: 22,
      user: 'me',
      knownHosts: ['/my-hosts'],
      identities: { only: true, files: ['/mine'] },
    });
  });

  it('jump hosts, each with its own settings', async () => {
    const openssh = {
      mw1: 'hostname mw1\nproxyjump bastion,ops@gate:2200\n',
      bastion: 'hostname bastion.example\nuser b\n',
      gate: 'hostname gate.example\n',
    };
    expect((await resolve({ name: 'mw1' }, openssh)).jumps).toMatchObject([
      { name: 'bastion', address: 'bastion.example', user: 'b', port: 22 },
      { name: 'gate', address: 'gate.example', user: 'ops', port: 2200 },
    ]);
    expect((await resolve({ name: 'mw1' }, openssh, { proxyJump: 'none' })).jumps).toEqual([]);
    expect((await resolve({ name: 'mw1' }, '', { proxyJump: 'x' })).jumps).toMatchObject([{ address: 'x' }]);
  });

  it('a ProxyCommand is refused with what to do instead', async () => {
    await expect(resolve({ name: 'mw1' }, 'proxycommand nc %h %p\n')).rejects.toMatchObject({
      code: 'config_invalid',
      hint: expect.stringContaining('ProxyJump'),
    });
  });
});

describe('parseHop', () => {
  it.each([
    ['bastion', { address: 'bastion', port: undefined, user: undefined }],
    ['me@bastion:22', { address: 'bastion', port: 22, user: 'me' }],
    ['ssh://me@bastion:22', { address: 'bastion', port: 22, user: 'me' }],
    ['[2001:db8::1]:2200', { address: '2001:db8::1', port: 2200, user: undefined }],
    [' bastion ', { address: 'bastion', port: undefined, user: undefined }],
  ])('%j', (text, expected) => {
    expect(parseHop(text, 'mw1')).toMatchObject(expected);
  });

  it.each(['', '-oProxyCommand=x', 'a b', 'h:0', 'h:70000', 'u@', 'u@-h', '[::1'])('%j is refused', (text) => {
    expect(() => parseHop(text, 'mw1')).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });
});
