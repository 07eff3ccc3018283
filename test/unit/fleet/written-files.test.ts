import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { planHosts } from '../../../scripts/lib/fleet/lay-out.mjs';
import { formatScapYaml } from '../../../scripts/lib/fleet/scap-yaml.mjs';
import { formatKnownHost, formatSshdConfig } from '../../../scripts/lib/fleet/sshd-config.mjs';

const places = { directory: '/d', staging: '/repo/staging', user: 'me', cache: '/d/hosts/{name}/cache', live: '/live' };
const yamlOf = (count: number) =>
  parse(formatScapYaml({ ...places, hosts: planHosts({ count, racks: 1, base: 10 * 2 ** 24, port: 2222 }) }));

describe('formatScapYaml()', () => {
  it('names everything a push needs', () => {
    expect(yamlOf(1)).toEqual({
      staging: '/repo/staging',
      state: '/d/state',
      target: { transport: 'ssh', user: 'me', cache: '/d/hosts/{name}/cache', live: '/live' },
      ssh: { identityFile: '/d/id_ed25519', knownHosts: '/d/known_hosts', configFile: 'none' },
      hosts: { mw1: { address: '10.0.0.2', port: 2222, labels: { rack: 'r1' } } },
      groups: [{ name: 'all', hosts: ['*'], failureBudget: 0 }],
    });
  });

  it('has a canary from four hosts on', () => {
    expect(yamlOf(3).groups).toHaveLength(1);
    expect(yamlOf(4).groups).toEqual([
      { name: 'canary', hosts: ['mw1'], failureBudget: 0 },
      { name: 'rest', hosts: ['*'], failureBudget: '25%' },
    ]);
  });
});

describe('formatSshdConfig()', () => {
  const linesOf = (more: string[], hasPenalties = false) =>
    formatSshdConfig({ root: '/d/hosts/mw1', directory: '/d', address: '127.0.0.2', port: 22, more, hasPenalties })
      .trim()
      .split('\n');

  it('puts lines of the caller first, and blocks last', () => {
    const lines = linesOf(['MaxSessions 1', 'Match User x', 'DenyUsers x']);
    expect([lines[0], ...lines.slice(-2)]).toEqual(['MaxSessions 1', 'Match User x', 'DenyUsers x']);
  });

  it('sets the environment in one line, because sshd reads only the first', () => {
    const [line = '', ...others] = linesOf([]).filter((one) => one.startsWith('SetEnv '));
    expect(others).toEqual([]);
    expect(line).toMatch(
      /^SetEnv "XDG_CACHE_HOME=\/d\/hosts\/mw1\/home\/\.cache" "SHLVL=2" "PATH=[^"]+:\/usr\/bin:\/sbin:\/bin"$/,
    );
  });

  it('names the penalties only to a server that knows them', () => {
    expect(linesOf([], true)).toContain('PerSourcePenalties no');
    expect(linesOf([], false)).not.toContain('PerSourcePenalties no');
  });
});

describe('formatKnownHost()', () => {
  it.each([
    [22, '10.0.0.2 ssh-ed25519 AAAA\n'],
    [2222, '[10.0.0.2]:2222 ssh-ed25519 AAAA\n'],
  ])('with port %i writes %j', (port, expected) => {
    expect(formatKnownHost({ address: '10.0.0.2', port, publicKey: 'ssh-ed25519 AAAA' })).toBe(expected);
  });
});
