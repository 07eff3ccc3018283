import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load-config.ts';
import { ScapError } from '../../../src/core/errors.ts';

const path = '/etc/deploy/scap.yaml';

function parse(...lines: readonly string[]) {
  return parseConfig({ path, text: `${lines.join('\n')}\n` }, '/home/ann');
}

/** The problems of a file that has nothing else wrong, as `line:column: path: message`. */
function problems(...lines: readonly string[]): readonly string[] {
  try {
    parse(...lines);
  } catch (error) {
    if (!(error instanceof ScapError) || error.code !== 'config_invalid') throw error;
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.replace(`  ${path}:`, ''));
  }
  return [];
}

/** How messages tell what they found, for a value as it is written in YAML. */
function foundIn(yaml: string): string {
  if (yaml === '""') return 'nothing';
  if (yaml.startsWith('[')) return 'a list';
  return /^[-\d.]+$/.test(yaml) ? `the number ${yaml}` : `the text ${yaml.startsWith('"') ? yaml : `"${yaml}"`}`;
}

const minimal = ['staging: /srv/staging', 'hosts: {web1: }'];

describe('parseConfig()', () => {
  it('fills in every default', () => {
    expect(parse(...minimal)).toEqual({
      source: path,
      embedded: false,
      staging: '/srv/staging',
      state: '/srv/scap',
      exclude: [],
      maxShrinkRatio: 0.2,
      keepDeploys: 50,
      timeouts: { fetchMs: 600_000, promoteMs: 30_000, finalizeMs: 600_000, connectMs: 10_000 },
      ssh: {
        configFile: undefined,
        identityFiles: [],
        knownHosts: [],
        connectTimeoutMs: 10_000,
        maxStarts: 30,
        maxSessions: 200,
        keepAliveMs: 5000,
        proxyJump: undefined,
        node: undefined,
      },
      fanout: {
        degree: 4,
        thresholdBytes: 8 * 2 ** 20,
        ports: { first: 8730, last: 8790 },
        bytesPerSecond: 0,
        carrier: 'relay',
      },
      hosts: [
        {
          pattern: 'web1',
          where: `${path}:2:9`,
          transport: 'local',
          address: undefined,
          user: undefined,
          port: undefined,
          cache: '/srv/mediawiki-cache',
          live: '/srv/mediawiki',
          labels: {},
          keepRevisions: 5,
          graceTimeMs: 600_000,
          onControllerLoss: 'keep',
        },
      ],
      groups: [
        {
          name: 'all',
          where: undefined,
          hosts: ['*'],
          failureBudget: { hosts: 0 },
          batch: undefined,
          soakMs: 0,
          concurrency: undefined,
        },
      ],
      warnings: [],
    });
  });

  it('reads every key, and a host inherits from target what it does not say itself', () => {
    const config = parse(
      'staging: tree',
      'state: ~/state',
      'exclude: ["*.swp", "!keep.swp"]',
      'maxShrink: 12.5%',
      'keepDeploys: 2',
      'target: {transport: local, cache: "t/{name}/cache", live: "~/live/{n}", keepRevisions: 3, graceTime: 0s, onControllerLoss: revert}',
      'fanout: {degree: 2, threshold: 1.5MB, ports: 9000, bwlimit: 50MB}',
      'timeouts: {fetch: 1h, promote: 1.5s, finalize: 250ms, connect: 2m}',
      'hosts:',
      '  "mw[1:3]": {labels: {site: eqiad, rack: "1"}}',
      '  web1: {transport: local, cache: ./c, live: ../l, keepRevisions: 9, graceTime: 1d, onControllerLoss: keep}',
      'groups:',
      '  - {name: canary, hosts: [web1, "!mw2"], failureBudget: 2, soak: 20s}',
      '  - name: rest',
      '    hosts: ["*"]',
      '    failureBudget: 2.5 %',
      '    batch: 10%',
      '    concurrency: 4',
      '  - {name: none, hosts: ["*"], batch: 3}',
    );
    expect(config).toMatchObject({
      staging: '/etc/deploy/tree',
      state: '/home/ann/state',
      exclude: ['*.swp', '!keep.swp'],
      maxShrinkRatio: 0.125,
      keepDeploys: 2,
      timeouts: { fetchMs: 3_600_000, promoteMs: 1500, finalizeMs: 250, connectMs: 120_000 },
      fanout: {
        degree: 2,
        thresholdBytes: 1_500_000,
        ports: { first: 9000, last: 9000 },
        bytesPerSecond: 50_000_000,
      },
    });
    expect(config.hosts).toEqual([
      {
        pattern: 'mw[1:3]',
        where: `${path}:10:3`,
        transport: 'local',
        address: undefined,
        user: undefined,
        port: undefined,
        cache: '/etc/deploy/t/{name}/cache',
        live: '/home/ann/live/{n}',
        labels: { site: 'eqiad', rack: '1' },
        keepRevisions: 3,
        graceTimeMs: 0,
        onControllerLoss: 'revert',
      },
      {
        pattern: 'web1',
        where: `${path}:11:3`,
        transport: 'local',
        address: undefined,
        user: undefined,
        port: undefined,
        cache: '/etc/deploy/c',
        live: '/etc/l',
        labels: {},
        keepRevisions: 9,
        graceTimeMs: 86_400_000,
        onControllerLoss: 'keep',
      },
    ]);
    expect(config.groups).toEqual([
      {
        name: 'canary',
        where: `${path}:13:5`,
        hosts: ['web1', '!mw2'],
        failureBudget: { hosts: 2 },
        batch: undefined,
        soakMs: 20_000,
        concurrency: undefined,
      },
      {
        name: 'rest',
        where: `${path}:14:5`,
        hosts: ['*'],
        failureBudget: { percent: 2.5 },
        batch: { percent: 10 },
        soakMs: 0,
        concurrency: 4,
      },
      {
        name: 'none',
        where: `${path}:19:5`,
        hosts: ['*'],
        failureBudget: { hosts: 0 },
        batch: { hosts: 3 },
        soakMs: 0,
        concurrency: undefined,
      },
    ]);
  });

  it('reads how to reach hosts by ssh, and a host inherits that too', () => {
    const { hosts, ssh } = parse(
      'staging: tree',
      'target: {transport: ssh, user: deploy, port: 2222, cache: "/c/{name}/../x", live: /l}',
      'ssh:',
      '  configFile: none',
      '  identityFile: ~/.ssh/deploy',
      '  knownHosts: [~/.ssh/known_hosts, hosts/known, /etc/ssh/known]',
      '  connectTimeout: 3s',
      '  maxStarts: 5',
      '  maxSessions: 1000',
      '  keepAlive: 1m',
      '  proxyJump: ann@bastion:22,inner',
      '  node: /opt/node 20/bin/node',
      'hosts:',
      '  mw1: {address: 10.0.0.1}',
      '  "db[1:2]": {address: "2001:db8::{n}", user: root, port: 22}',
      '  web1: {transport: local, cache: ./c, live: ~/l}',
    );
    expect(ssh).toEqual({
      configFile: 'none',
      identityFiles: ['/home/ann/.ssh/deploy'],
      knownHosts: ['/home/ann/.ssh/known_hosts', '/etc/deploy/hosts/known', '/etc/ssh/known'],
      connectTimeoutMs: 3000,
      maxStarts: 5,
      maxSessions: 1000,
      keepAliveMs: 60_000,
      proxyJump: 'ann@bastion:22,inner',
      node: '/opt/node 20/bin/node',
    });
    expect(hosts.map((host) => [host.transport, host.address, host.user, host.port, host.cache, host.live])).toEqual([
      ['ssh', '10.0.0.1', 'deploy', 2222, '/c/x', '/l'],
      ['ssh', '2001:db8::{n}', 'root', 22, '/c/x', '/l'],
      ['local', undefined, 'deploy', 2222, '/etc/deploy/c', '/home/ann/l'],
    ]);
  });

  it.each([
    ['~/ssh.config', '/home/ann/ssh.config'],
    ['./none', '/etc/deploy/none'],
  ])('reads the path %s of an ssh configuration', (written, expected) => {
    expect(parse(...minimal, `ssh: {configFile: ${written}, node: node20}`).ssh).toMatchObject({
      configFile: expected,
      node: 'node20',
    });
  });

  it('keeps the order of hosts even when names look like numbers', () => {
    const { hosts } = parse('staging: s', 'hosts:', '  web2:', '  10:', '  9:', '  web1:');
    expect(hosts.map(({ pattern }) => pattern)).toEqual(['web2', '10', '9', 'web1']);
  });

  it('follows anchors and aliases', () => {
    const { hosts } = parse('staging: s', 'hosts:', '  a: &one {labels: {site: x}, cache: /c}', '  b: *one');
    expect(hosts.map(({ pattern, cache, labels }) => [pattern, cache, labels.site])).toEqual([
      ['a', '/c', 'x'],
      ['b', '/c', 'x'],
    ]);
  });

  it('takes sections that are written but empty as absent', () => {
    const config = parse(...minimal, 'target:', 'timeouts:', 'exclude:', 'groups:');
    expect(config).toEqual(parse(...minimal));
  });

  it('names every problem of a file in one error', () => {
    let error: unknown;
    try {
      parse(
        'stagging: /srv/staging',
        'keepDeploys: 1',
        'targets: {}',
        'hosts:',
        '  web1: {cach: /c, labels: {rack: 5}}',
        '  web2: /srv/web2',
        'target: {transport: shh, grace_time: 5m}',
        'groups:',
        '  - {hosts: [web1], failureBudget: 101%}',
        '  - {name: a, hosts: []}',
        'timeouts: {fetch: 10}',
      );
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ScapError);
    const { code, message, hint, data } = error as ScapError;
    expect(code).toBe('config_invalid');
    expect(message.split('\n')).toEqual([
      `Cannot use the configuration "${path}": 13 problems`,
      `  ${path}:1:1: staging: is required: expected a path`,
      `  ${path}:1:1: stagging: unknown key; did you mean "staging"?`,
      `  ${path}:2:14: keepDeploys: expected a whole number of at least 2, found the number 1`,
      `  ${path}:3:1: targets: unknown key; did you mean "target"?`,
      `  ${path}:5:10: hosts.web1.cach: unknown key; did you mean "cache"?`,
      `  ${path}:5:35: hosts.web1.labels.rack: expected text, found the number 5; write it in quotes: "5"`,
      `  ${path}:6:9: hosts.web2: expected keys and values, found the text "/srv/web2"`,
      `  ${path}:7:21: target.transport: expected "local" or "ssh", found the text "shh"`,
      `  ${path}:7:26: target.grace_time: unknown key; did you mean "graceTime"?`,
      `  ${path}:9:5: groups[0].name: is required: expected a name of letters, digits, ".", "_" and "-"`,
      `  ${path}:9:36: groups[0].failureBudget: expected a number of hosts or a percentage between "0%" and "100%", found the text "101%"`,
      `  ${path}:10:22: groups[1].hosts: expected at least one host or pattern`,
      `  ${path}:11:19: timeouts.fetch: expected a duration such as "30s" or "10m", found the number 10`,
    ]);
    expect(hint).toContain('docs/operations.md');
    expect(data).toMatchObject({
      file: path,
      problems: expect.arrayContaining([
        {
          line: 2,
          column: 14,
          path: 'keepDeploys',
          message: 'expected a whole number of at least 2, found the number 1',
        },
      ]),
    });
  });

  it.each([
    [
      'an unknown key with nothing like it',
      'target: {zzz: 1}',
      '3:10: target.zzz: unknown key; known here: transport, user, port, cache, live, keepRevisions, graceTime, onControllerLoss',
    ],
    [
      'a key of a later version',
      'plugins: [mediawiki]',
      '3:1: plugins: unknown key; known here: staging, state, exclude, maxShrink, keepDeploys, target, ssh, fanout, timeouts, hosts, groups',
    ],
    ['a section that is text', 'target: /srv', '3:9: target: expected keys and values, found the text "/srv"'],
    ['a section that is a list', 'timeouts: [10s]', '3:11: timeouts: expected keys and values, found a list'],
    ['a list that is text', 'exclude: "*.swp"', '3:10: exclude: expected a list, found the text "*.swp"'],
    [
      'an entry that is a number',
      'exclude: ["*.swp", 5]',
      '3:20: exclude[1]: expected a pattern, found the number 5; write it in quotes: "5"',
    ],
    ['a path that is empty', 'state:', '3:7: state: expected a path, found nothing'],
    ['a path with a control character', 'state: "/a\\nb"', '3:8: state: expected a path, found the text "/a\\nb"'],
    [
      'the home of somebody else',
      'state: ~bob/scap',
      '3:8: state: expected a path in which only "~/" stands for a home directory, found the text "~bob/scap"',
    ],
    [
      'a share without a percent sign',
      'maxShrink: 0.2',
      '3:12: maxShrink: expected a percentage between "0%" and "100%", found the number 0.2',
    ],
    [
      'a share above the whole',
      'maxShrink: 120%',
      '3:12: maxShrink: expected a percentage between "0%" and "100%", found the text "120%"',
    ],
    [
      'a negative share',
      'maxShrink: -5%',
      '3:12: maxShrink: expected a percentage between "0%" and "100%", found the text "-5%"',
    ],
    [
      'ports that run backwards',
      'fanout: {ports: 9000-8000}',
      '3:17: fanout.ports: expected ports such as "8730-8790", found the text "9000-8000"',
    ],
    [
      'an amount of data in unknown units',
      'fanout: {threshold: 8 bits}',
      '3:21: fanout.threshold: expected an amount of data such as "8MiB" or "50MB", found the text "8 bits"',
    ],
    [
      'nobody to copy to',
      'fanout: {degree: 0}',
      '3:18: fanout.degree: expected a whole number between 1 and 64, found the number 0',
    ],
    [
      'a fraction of a deploy',
      'keepDeploys: 2.5',
      '3:14: keepDeploys: expected a whole number of at least 2, found the number 2.5',
    ],
    [
      'a word for a number',
      'target: {keepRevisions: yes}',
      '3:25: target.keepRevisions: expected a whole number of at least 2, found the text "yes"',
    ],
    [
      'too few revisions',
      'target: {keepRevisions: 1}',
      '3:25: target.keepRevisions: expected a whole number of at least 2, found the number 1',
    ],
    [
      'an unknown transport',
      'target: {transport: smb}',
      '3:21: target.transport: expected "local" or "ssh", found the text "smb"',
    ],
    [
      'a timeout of zero',
      'timeouts: {fetch: 0s}',
      '3:19: timeouts.fetch: expected a duration longer than zero, found the text "0s"',
    ],
    [
      'a timeout no timer can wait for',
      'timeouts: {fetch: 25d}',
      '3:19: timeouts.fetch: expected a duration of at most 24d, found the text "25d"',
    ],
    [
      'a negative duration',
      'target: {graceTime: -5m}',
      '3:21: target.graceTime: expected a duration such as "30s" or "10m", found the text "-5m"',
    ],
    [
      'an endless grace time',
      'target: {graceTime: 99999d}',
      '3:21: target.graceTime: expected a duration of at most 3650d, found the text "99999d"',
    ],
    [
      'a negative budget',
      'groups: [{name: a, hosts: [b], failureBudget: -1}]',
      '3:47: groups[0].failureBudget: expected a number of hosts or a percentage between "0%" and "100%", found the number -1',
    ],
    [
      'a fraction of a host',
      'groups: [{name: a, hosts: [b], failureBudget: 0.5}]',
      '3:47: groups[0].failureBudget: expected a number of hosts or a percentage between "0%" and "100%", found the number 0.5',
    ],
    ...['0', '-1', '1.5', '0%', '101%', 'all', '[1]'].map((batch) => [
      `a batch of ${batch}`,
      `groups: [{name: a, hosts: [b], batch: ${batch}}]`,
      `3:39: groups[0].batch: expected a number of at least 1 host or a percentage above "0%", up to "100%", found ${foundIn(batch)}`,
    ]),
    [
      'a soak without a unit',
      'groups: [{name: a, hosts: [b], soak: 20}]',
      '3:38: groups[0].soak: expected a duration such as "30s" or "10m", found the number 20',
    ],
    [
      'a soak no timer can wait for',
      'groups: [{name: a, hosts: [b], soak: 30d}]',
      '3:38: groups[0].soak: expected a duration of at most 24d, found the text "30d"',
    ],
    [
      'a group that may promote nobody',
      'groups: [{name: a, hosts: [b], concurrency: 0}]',
      '3:45: groups[0].concurrency: expected a whole number of at least 1, found the number 0',
    ],
    [
      'another word for what a lost deploy host means',
      'target: {onControllerLoss: rollback}',
      '3:28: target.onControllerLoss: expected "keep" or "revert", found the text "rollback"',
    ],
    ...['0', '65536', '22.5', '"22"', 'ssh', '[22]'].map((port) => [
      `the port ${port}`,
      `target: {port: ${port}}`,
      `3:16: target.port: expected a port between 1 and 65535, found ${foundIn(port)}`,
    ]),
    ...['"-oProxyCommand=x"', '"a b"', '"a\\nb"', '""', '[a]'].map((user) => [
      `the user ${user}`,
      `target: {user: ${user}}`,
      `3:16: target.user: expected a user name without white space that does not begin with "-", found ${foundIn(user)}`,
    ]),
    [
      'a user that is a number',
      'target: {user: 1000}',
      '3:16: target.user: expected a user name without white space that does not begin with "-", found the number 1000; write it in quotes: "1000"',
    ],
    [
      'a jump that is an option',
      'ssh: {proxyJump: -v}',
      '3:18: ssh.proxyJump: expected a host to jump through ("ann@bastion:22") without white space that does not begin with "-", found the text "-v"',
    ],
    ...['"-e"', 'bin/node', '~/bin/node', '"a b"', '5'].map((node) => [
      `the program ${node}`,
      `ssh: {node: ${node}}`,
      `3:13: ssh.node: expected a name such as "node" or an absolute path on the targets, found ${foundIn(node)}`,
    ]),
    [
      'a key file that is nothing',
      'ssh: {identityFile: }',
      '3:21: ssh.identityFile: expected a path or a list of paths, found nothing',
    ],
    [
      'a key file that is a number',
      'ssh: {identityFile: 5}',
      '3:21: ssh.identityFile: expected a path or a list of paths, found the number 5',
    ],
    [
      'a list with something else than paths',
      'ssh: {knownHosts: [/a, 5]}',
      '3:24: ssh.knownHosts[1]: expected a path, found the number 5',
    ],
    [
      "somebody else's keys",
      'ssh: {identityFile: ~bob/key}',
      '3:21: ssh.identityFile: expected a path in which only "~/" stands for a home directory, found the text "~bob/key"',
    ],
    [
      'an ssh configuration that is no path',
      'ssh: {configFile: 5}',
      '3:19: ssh.configFile: expected a path or "none", found the number 5',
    ],
    [
      'no sessions',
      'ssh: {maxSessions: 0}',
      '3:20: ssh.maxSessions: expected a whole number of at least 1, found the number 0',
    ],
    [
      'a key of ssh itself',
      'ssh: {IdentityFile: x}',
      '3:7: ssh.IdentityFile: unknown key; did you mean "identityFile"?',
    ],
    [
      'no keep-alive',
      'ssh: {keepAlive: 0s}',
      '3:18: ssh.keepAlive: expected a duration longer than zero, found the text "0s"',
    ],
    [
      'a group that is only a name',
      'groups: [canary]',
      '3:10: groups[0]: expected keys and values, found the text "canary"',
    ],
    [
      'a name that is no file name',
      'groups: [{name: a/b, hosts: [c]}]',
      '3:17: groups[0].name: expected a name of letters, digits, ".", "_" and "-", found the text "a/b"',
    ],
    [
      'two groups of one name',
      'groups: [{name: a, hosts: [b]}, {name: c, hosts: [b]}, {name: a, hosts: [b]}]',
      '3:63: groups[2].name: "a" is already the name of groups[0]',
    ],
    ['a key twice', 'staging: /elsewhere', '3:1: staging: this key is written twice'],
    ['a key JavaScript reserves', '__proto__: {a: 1}', '3:1: __proto__: this name is reserved'],
  ])('refuses %s', (_what, line, problem) => {
    expect(problems(...minimal, line)).toEqual([problem]);
  });

  it.each([
    ['nothing at all', [''], ['1:1: staging: is required: expected a path', '1:1: hosts: expected at least one host']],
    ['no hosts', ['staging: s'], ['1:1: hosts: expected at least one host']],
    ['an empty list of hosts', ['staging: s', 'hosts:'], ['2:7: hosts: expected at least one host']],
    ['a list of hosts', ['staging: s', 'hosts: [a, b]'], ['2:8: hosts: expected keys and values, found a list']],
    ['a list', ['- a'], ['1:1: expected keys and values, found a list']],
    [
      'a label that cannot be selected',
      ['staging: s', 'hosts:', '  a: {labels: {"x y": z}}'],
      ['3:16: hosts.a.labels["x y"]: expected a key of letters, digits, ".", "_", "-" and "/"'],
    ],
    [
      'a host that is written twice, and what is wrong with it',
      ['staging: s', 'hosts:', '  a: {}', '  a: {live: 5}'],
      ['4:3: hosts.a: this key is written twice', '4:13: hosts.a.live: expected a path, found the number 5'],
    ],
    [
      'reserved names where any name may stand',
      ['staging: s', 'hosts:', '  __proto__: {}', '  a: {labels: {__proto__: x}}'],
      ['3:3: hosts.__proto__: this name is reserved', '4:16: hosts.a.labels.__proto__: this name is reserved'],
    ],
    [
      'a problem behind an alias, where the alias points',
      ['staging: s', 'hosts:', '  a: &x {cach: /c}', '  b: *x'],
      [
        '3:10: hosts.a.cach: unknown key; did you mean "cache"?',
        '3:10: hosts.b.cach: unknown key; did you mean "cache"?',
      ],
    ],
    ...['"-oProxyCommand=x"', '"a b"', '""'].map((address): [string, string[], string[]] => [
      `the address ${address}`,
      ['staging: s', 'hosts:', `  a: {transport: ssh, address: ${address}}`],
      [`3:32: hosts.a.address: expected a host name or an IP address, found ${foundIn(address)}`],
    ]),
    ...['ann@web1', '"[::1]"', 'web1/x'].map((address): [string, string[], string[]] => [
      `the address ${address}`,
      ['staging: s', 'hosts:', `  a: {transport: ssh, address: ${address}}`],
      [
        `3:32: hosts.a.address: expected a host name or an IP address; "user" and "port" are keys of their own, found ${foundIn(address)}`,
      ],
    ]),
    [
      'paths that would start on the deploy host',
      ['staging: s', 'hosts:', '  a: {transport: ssh, cache: ./c, live: ~/l}'],
      [
        '3:30: hosts.a.cache: expected an absolute path ("/…"), as a is reached by ssh and "./c" would start on the deploy host',
        '3:41: hosts.a.live: expected an absolute path ("/…"), as a is reached by ssh and "~/l" would start on the deploy host',
      ],
    ],
    [
      'a default path that would start on the deploy host, once',
      [
        'staging: s',
        'target: {transport: ssh, cache: "c/{name}"}',
        'hosts: {a: , b: {transport: local}, c: , d: {cache: /c}}',
      ],
      [
        '2:33: target.cache: expected an absolute path ("/…"), as a is reached by ssh and "c/{name}" would start on the deploy host',
      ],
    ],
    [
      'what only ssh needs, for a local host',
      ['staging: s', 'hosts:', '  a: {user: root, port: 22}'],
      [
        '3:13: hosts.a.user: has no meaning for a local host; add "transport: ssh"',
        '3:25: hosts.a.port: has no meaning for a local host; add "transport: ssh"',
      ],
    ],
    [
      'state inside staging',
      ['staging: /srv', 'hosts: {a: }', 'state: /srv/scap'],
      [
        '3:8: state: lies inside staging "/srv" and would be deployed; choose a directory outside of it, or "/srv/.scap"',
      ],
    ],
    [
      'the default state inside staging',
      ['staging: /srv', 'hosts: {a: }'],
      [
        '1:1: state: lies inside staging "/srv" and would be deployed; choose a directory outside of it, or "/srv/.scap"',
      ],
    ],
    [
      'state that is staging',
      ['staging: s', 'hosts: {a: }', 'state: ./s/'],
      [
        '3:8: state: lies inside staging "/etc/deploy/s" and would be deployed; choose a directory outside of it, or "/etc/deploy/s/.scap"',
      ],
    ],
    [
      'state inside a staging tree that is everything',
      ['staging: /', 'hosts: {a: }', 'state: /x'],
      ['3:8: state: lies inside staging "/" and would be deployed; choose a directory outside of it, or "/.scap"'],
    ],
  ])('refuses %s', (_what, lines, expected) => {
    expect(problems(...lines)).toEqual(expected);
  });

  it.each([
    ['/srv/staging', '/srv/staging/.scap'],
    ['/srv/staging', '/srv/staging-state'],
    ['/srv/scap/staging', '/srv/scap'],
  ])('accepts staging %s with state %s', (staging, state) => {
    expect(parse(`staging: ${staging}`, `state: ${state}`, 'hosts: {a: }')).toMatchObject({ staging, state });
  });
});
