// What fault tests do to a host of a running fleet.
import {
  findServer,
  freezeHostProcesses,
  killHostProcesses,
  readProcesses,
  thawHostProcesses,
} from './process-table.mjs';
import { startServer } from './server.mjs';

/**
 * @typedef {import('./lay-out.mjs').HostPlan} HostPlan
 */

/**
 * @typedef {object} FleetHost
 * @property {string} name
 * @property {string} address
 * @property {number} port
 * @property {string} user
 * @property {string} rack
 * @property {string | undefined} netns its network namespace; `undefined` in a plain fleet
 * @property {string} root the directory that holds its cache and live path, as seen from this machine
 * @property {string} cache as seen from this machine
 * @property {string} live as seen from this machine; in namespaces the link there leads to a path that only the host has
 * @property {string} agentCache XDG_CACHE_HOME of its sessions
 * @property {string} log what its server says
 * @property {readonly string[]} sshArgv the OpenSSH client and its options, to which a remote command is added
 * @property {number | undefined} sshdPid of its server, looked up at each access; `undefined` while it is stopped
 * @property {() => Promise<void>} stop kills its server with all sessions and what they started, as a crash would; its files stay
 * @property {() => Promise<void>} start starts its server, unless it runs, and waits until it greets
 * @property {() => Promise<void>} freeze stops all its processes as they are: connections stay open, nobody answers
 * @property {() => Promise<void>} thaw lets them go on
 */

/**
 * @param {string} directory the fleet's
 * @param {{ user: string }} fleet
 * @param {HostPlan} plan
 * @returns {FleetHost}
 */
export function createHost(directory, { user }, { name, address, port, rack, netns }) {
  const home = hostHome(directory, name);
  const place = { root: home, name, address, port, rack, ...(netns === undefined ? {} : { netns }) };
  const marks = { root: home, netns };
  const root = netns === undefined ? home : `${home}/srv`;
  const findPid = () => findServer(readProcesses(), marks);
  return {
    name,
    address,
    port,
    user,
    rack,
    netns,
    root,
    cache: netns === undefined ? `${root}/cache` : `${root}/mediawiki-cache`,
    live: netns === undefined ? `${root}/live` : `${root}/mediawiki`,
    agentCache: `${home}/home/.cache`,
    log: `${home}/sshd.log`,
    sshArgv: clientArgv(directory, { user, address, port }),
    get sshdPid() {
      return findPid();
    },
    stop: () => killHostProcesses([marks]),
    start: async () => {
      if (findPid() === undefined) await startServer(place);
    },
    freeze: () => freezeHostProcesses(marks),
    thaw: () => thawHostProcesses(marks),
  };
}

/** @param {string} directory the fleet's @param {string} name */
export function hostHome(directory, name) {
  return `${directory}/hosts/${name}`;
}

/**
 * @param {string} directory
 * @param {{ user: string, address: string, port: number }} host
 */
function clientArgv(directory, { user, address, port }) {
  const options = [
    'BatchMode=yes',
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile=${directory}/known_hosts`,
    'GlobalKnownHostsFile=none',
    'ConnectTimeout=10',
  ];
  const words = options.flatMap((option) => ['-o', option]);
  return ['ssh', '-F', 'none', '-i', `${directory}/id_ed25519`, ...words, '-p', String(port), `${user}@${address}`];
}
