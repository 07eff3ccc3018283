/**
 * @typedef {import('./lay-out.mjs').HostPlan} HostPlan
 */

const stagedFleetSize = 4;

/**
 * The configuration that deploys to a fleet: from four hosts on a canary goes first.
 *
 * @param {{ directory: string, staging: string, user: string, hosts: readonly HostPlan[], cache: string, live: string }} fleet
 *   `cache`, `live`: as a host sees them, with `{name}` where they differ from host to host.
 */
export function formatScapYaml({ directory, staging, user, hosts, cache, live }) {
  const groups =
    hosts.length < stagedFleetSize
      ? ['  - {name: all, hosts: ["*"], failureBudget: 0}']
      : [
          `  - {name: canary, hosts: [${hosts[0]?.name}], failureBudget: 0}`,
          '  - {name: rest, hosts: ["*"], failureBudget: 25%}',
        ];
  const lines = [
    '# Written by scripts/fleet.',
    `staging: ${quote(staging)}`,
    `state: ${quote(`${directory}/state`)}`,
    `target: {transport: ssh, user: ${quote(user)}, cache: ${quote(cache)}, live: ${quote(live)}}`,
    `ssh: {identityFile: ${quote(`${directory}/id_ed25519`)}, knownHosts: ${quote(`${directory}/known_hosts`)}, configFile: none}`,
    'hosts:',
    ...hosts.map(
      ({ name, address, port, rack }) => `  ${name}: {address: ${address}, port: ${port}, labels: {rack: ${rack}}}`,
    ),
    'groups:',
    ...groups,
  ];
  return `${lines.join('\n')}\n`;
}

/** @param {string} text */
function quote(text) {
  return JSON.stringify(text);
}
