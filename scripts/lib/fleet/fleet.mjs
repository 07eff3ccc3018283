// Throw-away SSH hosts on this machine, for tests and benchmarks. The hosts outlive the process that started them.
import { mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FleetError } from './fleet-error.mjs';
import { createHost, hostHome } from './host.mjs';
import { makeKeys } from './keys.mjs';
import { createNetwork, removeNetwork } from './network.mjs';
import { checkOptions, planFleet, prepareDirectory } from './plan-fleet.mjs';
import { greets } from './ports.mjs';
import { findServer, killHostProcesses, readProcesses } from './process-table.mjs';
import { claimDirectory, dismissRecord, readRecord } from './record.mjs';
import { mapLimited, runCommand } from './run-command.mjs';
import { formatScapYaml } from './scap-yaml.mjs';
import { hasPenalties } from './server.mjs';
import { formatKnownHost, formatSshdConfig } from './sshd-config.mjs';

/**
 * @typedef {import('./host.mjs').FleetHost} FleetHost
 * @typedef {import('./record.mjs').FleetRecord} FleetRecord
 */

/**
 * @typedef {object} FleetOptions
 * @property {string} directory absent, empty, or left by `down --keep`
 * @property {number} hosts 1 to 1000
 * @property {'plain' | 'namespaces'} [mode] default: namespaces where they can be had, else plain
 * @property {string} [rate] of each host's link, in each direction: `100mbit`; namespaces only
 * @property {string} [deployRate] of all this machine sends to hosts; default: `rate`; namespaces only
 * @property {number} [racks] default: 1
 * @property {readonly string[]} [sshdConfig] lines that go before ours, and so win over them
 * @property {(sentence: string) => void} [warn] default: to stderr
 */

/**
 * @typedef {object} Fleet
 * @property {string} directory absolute, links resolved
 * @property {string} config path of scap.yaml
 * @property {'plain' | 'namespaces'} mode
 * @property {string | undefined} rate as it is in force
 * @property {readonly FleetHost[]} hosts
 * @property {(options?: { keep?: boolean }) => Promise<void>} stop as `stopFleet`; does nothing when it is stopped already
 */

/**
 * @typedef {object} FleetStatus
 * @property {string} directory
 * @property {'plain' | 'namespaces'} mode
 * @property {string | undefined} rate
 * @property {readonly { name: string, address: string, port: number, rack: string, pid: number | undefined, state: HostState }[]} hosts
 */

/** @typedef {'up' | 'silent' | 'down'} HostState silent: there is a server, but it does not greet within a second */

const parallelStarts = 16;
const statusTimeoutMs = 1000;
const repository = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Starts a fleet and returns when every server has greeted and one has let us in. What was started is stopped again when
 * that fails.
 *
 * @param {FleetOptions} options
 * @returns {Promise<Fleet>}
 * @throws {FleetError} when there is a fleet in the directory already, or other files; when a namespace was asked for and
 *   cannot be had; when a server does not start
 */
export async function startFleet(options) {
  checkOptions(options);
  const { directory, wasKept } = prepareDirectory(options.directory);
  const record = await planFleet(directory, options);
  claimDirectory(directory, record);
  const { hosts, rate } = record;
  try {
    await writeFiles(directory, record, options.sshdConfig ?? []);
    const deployRate = rate === undefined ? undefined : (options.deployRate ?? rate);
    if (record.base !== undefined) await createNetwork({ ...record, base: record.base, rate, deployRate });
    const running = hosts.map((plan) => createHost(directory, record, plan));
    await mapLimited(running, parallelStarts, (host) => host.start());
    if (running[0] !== undefined) await logIn(running[0]);
    return describeFleet(directory, record);
  } catch (error) {
    await stopFleet(directory, { keep: wasKept }).catch(() => {});
    throw error;
  }
}

/**
 * Returns the fleet that is up in a directory.
 *
 * @param {string} directory
 * @returns {Fleet}
 * @throws {FleetError} when there is none
 */
export function openFleet(directory) {
  const { path, record } = requireRecord(directory);
  return describeFleet(path, record);
}

/**
 * Ends every process of a fleet's hosts, removes its network, and its directory unless that is to be kept. A fleet that
 * was killed half-way up is brought down too.
 *
 * @param {string} directory
 * @param {{ keep?: boolean }} [options] `keep`: the files stay, and the next fleet there uses them
 * @throws {FleetError} when there is none
 */
export async function stopFleet(directory, { keep = false } = {}) {
  const { path, record } = requireRecord(directory);
  await killHostProcesses(record.hosts.map(({ name, netns }) => ({ root: hostHome(path, name), netns })));
  if (record.mode === 'namespaces') await removeNetwork(record.tag);
  if (keep) dismissRecord(path);
  else rmSync(path, { recursive: true, force: true, maxRetries: 5 });
}

/**
 * @param {string} directory
 * @returns {Promise<FleetStatus>}
 * @throws {FleetError} when there is none
 */
export async function fleetStatus(directory) {
  const { path, record } = requireRecord(directory);
  const table = readProcesses();
  const hosts = record.hosts.map(async ({ name, address, port, rack, netns }) => {
    const pid = findServer(table, { root: hostHome(path, name), netns });
    const isUp = pid !== undefined && (await greets({ address, port, timeoutMs: statusTimeoutMs }));
    const state = /** @type {HostState} */ (pid === undefined ? 'down' : isUp ? 'up' : 'silent');
    return { name, address, port, rack, pid, state };
  });
  return { directory: path, mode: record.mode, rate: record.rate, hosts: await Promise.all(hosts) };
}

/**
 * @param {string} directory
 * @param {FleetRecord} record
 * @param {readonly string[]} more lines for sshd_config
 */
async function writeFiles(directory, { mode, user, hosts }, more) {
  const penalties = await hasPenalties();
  const homes = hosts.map(({ name }) => hostHome(directory, name));
  for (const home of homes) {
    for (const name of mode === 'plain' ? ['home'] : ['home', 'srv']) mkdirSync(`${home}/${name}`, { recursive: true });
  }
  const publicKeys = await makeKeys(directory, homes);
  let knownHosts = '';
  for (const [at, { name, address, port }] of hosts.entries()) {
    const root = hostHome(directory, name);
    writeFileSync(
      `${root}/sshd_config`,
      formatSshdConfig({ root, directory, address, port, more, hasPenalties: penalties }),
    );
    knownHosts += formatKnownHost({ address, port, publicKey: publicKeys[at] ?? '' });
  }
  writeFileSync(`${directory}/known_hosts`, knownHosts);
  const places =
    mode === 'plain'
      ? { cache: `${directory}/hosts/{name}/cache`, live: `${directory}/hosts/{name}/live` }
      : { cache: '/srv/mediawiki-cache', live: '/srv/mediawiki' };
  const staging = `${repository}fixtures/mediawiki-staging`;
  writeFileSync(`${directory}/scap.yaml`, formatScapYaml({ directory, staging, user, hosts, ...places }));
}

/** A server that greets may still let nobody in: a locked account, no shell. @param {FleetHost} host */
async function logIn(host) {
  const [program = '', ...words] = host.sshArgv;
  try {
    await runCommand([program, ...words, 'true']);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new FleetError(
      `Cannot log in to ${host.name}: ${said}`,
      `Look whether "${host.user}" has a shell and is not locked: getent passwd ${host.user}`,
    );
  }
}

/**
 * @param {string} directory
 * @param {FleetRecord} record
 * @returns {Fleet}
 */
function describeFleet(directory, record) {
  return {
    directory,
    config: `${directory}/scap.yaml`,
    mode: record.mode,
    rate: record.rate,
    hosts: record.hosts.map((plan) => createHost(directory, record, plan)),
    stop: async (options) => {
      if (readRecord(directory) !== undefined) await stopFleet(directory, options);
    },
  };
}

/** @param {string} directory */
function requireRecord(directory) {
  const record = readRecord(directory);
  if (record !== undefined) return { path: realpathSync(directory), record };
  throw new FleetError(
    `There is no fleet in "${resolve(directory)}"`,
    `Start one with: scripts/fleet up --hosts 16 --directory ${directory}`,
  );
}
