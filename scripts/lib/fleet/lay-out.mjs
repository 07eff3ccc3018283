// Names and addresses of a fleet, as functions of its directory and its size.
import { createHash } from 'node:crypto';
import { FleetError } from './fleet-error.mjs';

/** A bridge takes 1023 ports. */
export const maxHosts = 1000;

const hostsPerOctet = 250;
const subnetSize = 1024;
// As many as fit below 10.64.0.0/11.
const subnetCount = 2048;

const firstSubnet = (10 << 24) + (64 << 16);

/**
 * @typedef {object} HostPlan
 * @property {string} name `mw1` to `mwN`
 * @property {string} address IPv4
 * @property {number} port
 * @property {string} rack `r1` to `rR`
 * @property {string} [netns] name of its network namespace; its link on the bridge is called {@link linkName}
 */

/**
 * Hosts in order; racks are contiguous blocks that differ by one host at most.
 *
 * @param {{ count: number, racks: number, base: number, port: number, tag?: string | undefined }} shape
 *   `base`: address of the network as a number; hosts begin at the second address. `tag`: with it, hosts have namespaces.
 * @returns {HostPlan[]}
 */
export function planHosts({ count, racks, base, port, tag }) {
  return Array.from({ length: count }, (_, at) => {
    const name = `mw${at + 1}`;
    const address = formatAddress(base + 256 * Math.floor(at / hostsPerOctet) + 2 + (at % hostsPerOctet));
    const rack = `r${Math.floor((at * racks) / count) + 1}`;
    return { name, address, port, rack, ...(tag === undefined ? {} : { netns: `scap-${tag}-${name}` }) };
  });
}

/** Loopback addresses: 127.0.0.2 to 127.0.0.251, 127.0.1.2 and so on. */
export const loopbackBase = 127 * 2 ** 24;

/**
 * Eight hexadecimal digits that tell a fleet's namespaces and links from those of other fleets.
 *
 * @param {string} directory absolute, links resolved
 */
export function fleetTag(directory) {
  return createHash('sha256').update(directory).digest('hex').slice(0, 8);
}

/** @param {string} tag */
export function bridgeName(tag) {
  return `sf${tag}`;
}

/**
 * This machine's end of a host's link; at most 15 characters, as the kernel demands.
 *
 * @param {string} tag
 * @param {string} name of the host
 */
export function linkName(tag, name) {
  return `sf${tag}-${name.slice('mw'.length)}`;
}

/**
 * Chooses a /22 below 10.64.0.0/11 that overlaps none of the networks in use. Fleets of different directories begin to
 * look at different places.
 *
 * @param {string} tag
 * @param {readonly string[]} used as `ip route` writes destinations: `10.0.0.0/8`, `10.1.2.3`, `default`
 * @returns {number} the address of the network
 * @throws {FleetError} when everything is in use
 */
export function chooseSubnet(tag, used) {
  const taken = used.flatMap(parseNetwork);
  const start = Number.parseInt(tag, 16) % subnetCount;
  for (let step = 0; step < subnetCount; step += 1) {
    const first = firstSubnet + ((start + step) % subnetCount) * subnetSize;
    if (!taken.some((network) => network.first < first + subnetSize && first <= network.last)) return first;
  }
  throw new FleetError('Cannot find a free network below 10.64.0.0/11', 'Use --mode plain, or remove a route');
}

/** @param {number} value */
export function formatAddress(value) {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/**
 * Networks that are not IPv4 yield nothing; neither does the default route, which overlaps everything.
 *
 * @param {string} text
 */
function parseNetwork(text) {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(text);
  if (match === null) return [];
  const [a = 0, b = 0, c = 0, d = 0] = match.slice(1, 5).map(Number);
  const size = 2 ** (32 - Number(match[5] ?? 32));
  if (size === 2 ** 32) return [];
  const value = ((a * 256 + b) * 256 + c) * 256 + d;
  const first = value - (value % size);
  return [{ first, last: first + size - 1 }];
}
