import { describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../../src/config/load-config.ts';
import { createInventory } from '../../../src/inventory/inventory.ts';

describe('createInventory() of a configuration', () => {
  it('takes the embedded default', () => {
    const config = loadConfig({ env: {}, cwd: '/nowhere', systemPath: '/nowhere/scap.yaml' });
    const { hosts, groups } = createInventory(config);
    expect(hosts.map(({ name, group, cache, live }) => ({ name, group, cache, live }))).toEqual(
      ['web1', 'web2', 'web3'].map((name) => ({
        name,
        group: 'all',
        cache: `/nowhere/.scap/targets/${name}/cache`,
        live: `/nowhere/.scap/targets/${name}/live`,
      })),
    );
    expect(groups).toEqual([{ name: 'all', hosts, failureBudget: 0, batchSize: 3, soakMs: 0, concurrency: undefined }]);
  });

  it('names the place in the file', () => {
    const text = [
      'staging: /staging',
      'target: {cache: "/srv/{name}/cache", live: "/srv/{name}/live"}',
      'hosts:',
      '  "mw[1:3]":',
      '  mw3:',
      'groups:',
      '  - {name: a, hosts: [mw4]}',
    ].join('\n');
    const config = parseConfig({ path: '/etc/scap.yaml', text }, '/root');
    expect(() => createInventory(config)).toThrow(
      expect.objectContaining({
        message:
          'Cannot use the configuration "/etc/scap.yaml": 1 problem\n' +
          '  /etc/scap.yaml:5:3: hosts.mw3: mw3 is already defined by "mw[1:3]"',
      }),
    );
  });
});
