// What a fleet is going to be: where, of which kind, with which names and addresses.
import { mkdirSync, readdirSync, realpathSync } from 'node:fs';
import { userInfo } from 'node:os';
import { isAbsolute, relative } from 'node:path';
import { FleetError } from './fleet-error.mjs';
import { chooseSubnet, fleetTag, loopbackBase, maxHosts, planHosts } from './lay-out.mjs';
import { parseRate } from './link-rate.mjs';
import { explainNoNamespaces, readRoutes } from './network.mjs';
import { findFreePort } from './ports.mjs';
import { isFleetDirectory, keptName } from './record.mjs';

/**
 * @typedef {import('./fleet.mjs').FleetOptions} FleetOptions
 * @typedef {import('./record.mjs').FleetRecord} FleetRecord
 */

/**
 * @param {FleetOptions} options
 * @throws {FleetError} with status 2, for what can never be
 */
export function checkOptions({ hosts, racks = 1, rate, deployRate, mode }) {
  if (process.platform !== 'linux')
    throw new FleetError('Cannot start a fleet: this is not Linux', 'Use a Linux machine');
  if (!Number.isInteger(hosts) || hosts < 1 || hosts > maxHosts) {
    throw new FleetError(`Cannot start ${hosts} hosts`, `Ask for 1 to ${maxHosts}: --hosts 16`, 2);
  }
  if (!Number.isInteger(racks) || racks < 1 || racks > hosts) {
    throw new FleetError(`Cannot put ${hosts} hosts into ${racks} racks`, `Ask for 1 to ${hosts}: --racks ${hosts}`, 2);
  }
  for (const one of [rate, deployRate]) if (one !== undefined) parseRate(one);
  if (deployRate !== undefined && rate === undefined) {
    throw new FleetError('Cannot limit the deploy host alone', 'Give --rate as well', 2);
  }
  if (rate !== undefined && mode === 'plain') {
    throw new FleetError('Cannot limit rates in a plain fleet', 'As root, use --mode namespaces', 2);
  }
}

/**
 * Makes the directory of a fleet, with its parents.
 *
 * sshd, scap.yaml and known_hosts each have characters with a meaning of their own; none of them may be in the path.
 *
 * @param {string} wanted
 * @returns {{ directory: string, wasKept: boolean }} absolute, links resolved; whether a fleet left files there
 */
export function prepareDirectory(wanted) {
  mkdirSync(wanted, { recursive: true });
  const directory = realpathSync(wanted);
  if (!/^[A-Za-z0-9_./+=@,-]+$/.test(directory)) {
    throw new FleetError(
      `Cannot start a fleet in "${directory}": sshd would read other things into that name`,
      'Name a directory of letters, digits and ._+=@,- alone: --directory DIR',
    );
  }
  const names = readdirSync(directory);
  if (!isFleetDirectory(names)) {
    throw new FleetError(
      `Cannot start a fleet in "${directory}": it is not empty`,
      'Name a new directory: --directory DIR',
    );
  }
  return { directory, wasKept: names.includes(keptName) };
}

/**
 * Chooses mode, addresses and ports that are free now; changes nothing.
 *
 * @param {string} directory
 * @param {FleetOptions} options
 * @returns {Promise<FleetRecord & { base?: number }>}
 */
export async function planFleet(directory, options) {
  const { hosts: count, racks = 1 } = options;
  const tag = fleetTag(directory);
  const user = currentUser();
  const mode = await chooseMode(directory, tag, options);
  if (mode === 'namespaces') {
    const base = chooseSubnet(tag, await readRoutes());
    const hosts = planHosts({ count, racks, base, port: 22, tag });
    return { mode, tag, user, hosts, base, ...(options.rate === undefined ? {} : { rate: options.rate }) };
  }
  const draft = planHosts({ count, racks, base: loopbackBase, port: 0 });
  const port = await findFreePort(draft.map(({ address }) => address));
  return { mode, tag, user, hosts: draft.map((host) => ({ ...host, port })) };
}

/**
 * @param {string} directory
 * @param {string} tag
 * @param {FleetOptions} options
 */
async function chooseMode(directory, tag, { mode, rate, warn = warnOnStderr }) {
  const isRoot = process.geteuid?.() === 0;
  if (mode === 'plain' || (mode === undefined && !isRoot && rate === undefined)) return 'plain';
  const reason = explainHidden(directory) ?? (await explainNoNamespaces({ tag, isShaped: rate !== undefined }));
  if (reason === undefined) return 'namespaces';
  const hint = 'Run as root on a machine that allows network and mount namespaces, with iproute2 and util-linux';
  if (mode === 'namespaces') throw new FleetError(`Cannot make namespaces: ${reason}`, hint);
  const lost = rate === undefined ? '' : ', and links have no rate';
  warn(`Cannot make namespaces, so all hosts share this machine's network${lost}: ${reason}\n  hint: ${hint}`);
  return 'plain';
}

/**
 * Hosts see other files below /srv and /run than this machine.
 *
 * @param {string} directory
 */
function explainHidden(directory) {
  const hidden = [directory, process.execPath].find((path) => isBelow(path, '/srv') || isBelow(path, '/run'));
  return hidden === undefined ? undefined : `hosts have a /srv and a /run of their own, and could not see "${hidden}"`;
}

/** @param {string} path @param {string} directory */
function isBelow(path, directory) {
  const way = relative(directory, path);
  return !way.startsWith('..') && !isAbsolute(way);
}

function currentUser() {
  try {
    return userInfo().username;
  } catch {
    throw new FleetError('Cannot log in as you: your user has no name', 'Add it to /etc/passwd');
  }
}

/** @param {string} sentence */
function warnOnStderr(sentence) {
  process.stderr.write(`fleet: ${sentence}\n`);
}
