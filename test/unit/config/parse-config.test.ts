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
      hosts: [
        {
          pattern: 'web1',
          where: `${path}:2:9`,
          transport: 'local',
          cache: '/srv/mediawiki-cache',
          live: '/srv/mediawiki',
          labels: {},
          keepRevisions: 5,
          graceTimeMs: 600_000,
        },
      ],
      groups: [{ name: 'all', where: undefined, hosts: ['*'], failureBudget: { hosts: 0 } }],
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
      'target: {transport: local, cache: "t/{name}/cache", live: "~/live/{n}", keepRevisions: 3, graceTime: 0s}',
      'timeouts: {fetch: 1h, promote: 1.5s, finalize: 250ms, connect: 2m}',
      'hosts:',
      '  "mw[1:3]": {labels: {site: eqiad, rack: "1"}}',
      '  web1: {transport: local, cache: ./c, live: ../l, keepRevisions: 9, graceTime: 1d}',
      'groups:',
      '  - {name: canary, hosts: [web1, "!mw2"], failureBudget: 2}',
      '  - name: rest',
      '    hosts: ["*"]',
      '    failureBudget: 2.5 %',
    );
    expect(config).toMatchObject({
      staging: '/etc/deploy/tree',
      state: '/home/ann/state',
      exclude: ['*.swp', '!keep.swp'],
      maxShrinkRatio: 0.125,
      keepDeploys: 2,
      timeouts: { fetchMs: 3_600_000, promoteMs: 1500, finalizeMs: 250, connectMs: 120_000 },
    });
    expect(config.hosts).toEqual([
      {
        pattern: 'mw[1:3]',
        where: `${path}:9:3`,
        transport: 'local',
        cache: '/etc/deploy/t/{name}/cache',
        live: '/home/ann/live/{n}',
        labels: { site: 'eqiad', rack: '1' },
        keepRevisions: 3,
        graceTimeMs: 0,
      },
      {
        pattern: 'web1',
        where: `${path}:10:3`,
        transport: 'local',
        cache: '/etc/deploy/c',
        live: '/etc/l',
        labels: {},
        keepRevisions: 9,
        graceTimeMs: 86_400_000,
      },
    ]);
    expect(config.groups).toEqual([
      { name: 'canary', where: `${path}:12:5`, hosts: ['web1', '!mw2'], failureBudget: { hosts: 2 } },
      { name: 'rest', where: `${path}:13:5`, hosts: ['*'], failureBudget: { percent: 2.5 } },
    ]);
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
        'target: {transport: ssh, grace_time: 5m}',
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
      `  ${path}:7:21: target.transport: this version knows only "local", not "ssh"`,
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
      '3:10: target.zzz: unknown key; known here: transport, cache, live, keepRevisions, graceTime',
    ],
    [
      'a key of a later version',
      'target: {user: deploy}',
      '3:10: target.user: unknown key; known here: transport, cache, live, keepRevisions, graceTime',
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
      '3:21: target.transport: expected "local", the only transport this version knows, found the text "smb"',
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
