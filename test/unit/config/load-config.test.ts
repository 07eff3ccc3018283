import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load-config.ts';

let root: string;
let systemPath: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'scap-config-')));
  mkdirSync(join(root, 'work/deep'), { recursive: true });
  systemPath = join(root, 'etc/scap.yaml');
});
afterEach(() => rmSync(root, { recursive: true }));

function place(path: string, text = 'staging: tree\nhosts: {a: }\n'): string {
  const full = join(root, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  return full;
}

function load(options: { explicitPath?: string; env?: Record<string, string> } = {}) {
  return loadConfig({ env: {}, cwd: join(root, 'work/deep'), systemPath, ...options });
}

describe('loadConfig()', () => {
  it('prefers --config, then $SCAP_CONFIG, then the nearest directory, then the system', () => {
    const system = place('etc/scap.yaml');
    expect(load().source).toBe(system);
    const parent = place('work/scap.yaml');
    expect(load().source).toBe(parent);
    const nearest = place('work/deep/scap.yaml');
    expect(load().source).toBe(nearest);
    const named = place('other/b.yaml');
    expect(load({ env: { SCAP_CONFIG: '../../other/b.yaml' } }).source).toBe(named);
    const explicit = place('other/a.yaml');
    expect(load({ explicitPath: '../../other/a.yaml', env: { SCAP_CONFIG: named } }).source).toBe(explicit);
  });

  it('takes an empty $SCAP_CONFIG as unset', () => {
    const parent = place('work/scap.yaml');
    expect(load({ env: { SCAP_CONFIG: '' } }).source).toBe(parent);
  });

  it('resolves paths against the directory of the file and "~/" against $HOME', () => {
    place('work/scap.yaml', 'staging: tree\nstate: ~/state\nhosts: {a: {cache: ../c}}\n');
    const { staging, state, hosts } = load({ env: { HOME: '/home/ann' } });
    expect({ staging, state, cache: hosts[0]?.cache }).toEqual({
      staging: join(root, 'work/tree'),
      state: '/home/ann/state',
      cache: join(root, 'c'),
    });
  });

  it('applies the embedded default when there is no file', () => {
    const cwd = join(root, 'work/deep');
    const host = (name: string) => ({
      pattern: name,
      where: undefined,
      transport: 'local',
      address: undefined,
      user: undefined,
      port: undefined,
      cache: `${cwd}/.scap/targets/${name}/cache`,
      live: `${cwd}/.scap/targets/${name}/live`,
      labels: {},
      keepRevisions: 5,
      graceTimeMs: 600_000,
      onControllerLoss: 'keep',
    });
    const everyHost = {
      name: 'all',
      where: undefined,
      hosts: ['*'],
      failureBudget: { hosts: 0 },
      batch: undefined,
      soakMs: 0,
      concurrency: undefined,
    };
    expect(load()).toEqual({
      source: undefined,
      embedded: true,
      staging: undefined,
      state: `${cwd}/.scap`,
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
      hosts: [host('web1'), host('web2'), host('web3')],
      groups: [everyHost],
      warnings: [],
    });
  });

  it.each([
    ['--config', { explicitPath: 'no.yaml' }],
    ['$SCAP_CONFIG', { env: { SCAP_CONFIG: 'no.yaml' } }],
  ])('refuses a missing file that %s names, even when there is another', (namedBy, options) => {
    place('work/scap.yaml');
    const path = join(root, 'work/deep/no.yaml');
    expect(() => load(options)).toThrow(
      expect.objectContaining({
        code: 'config_missing',
        message: `Cannot read the configuration "${path}": there is no such file`,
        hint: `Correct ${namedBy}, or leave it out to use the nearest scap.yaml`,
      }),
    );
  });

  it('refuses a directory instead of looking further', () => {
    mkdirSync(join(root, 'work/scap.yaml'));
    place('etc/scap.yaml');
    const message = `Cannot read the configuration "${join(root, 'work/scap.yaml')}": it is a directory`;
    expect(() => load()).toThrow(expect.objectContaining({ code: 'config_missing', message }));
  });

  it('hands on warnings with their places', () => {
    const file = place('work/scap.yaml', 'staging: s\nhosts:\n  a: {labels: {canary: yes}, keepRevisions: 010}\n');
    expect(load().warnings).toEqual([
      `${file}:3:24: hosts.a.labels.canary: yes is text here, not true; write "yes" or true`,
      `${file}:3:45: hosts.a.keepRevisions: 010 is the number 10 here, not an octal number; write 10 or "010"`,
    ]);
  });
});
