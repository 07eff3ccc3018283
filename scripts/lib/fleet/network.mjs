// Network namespaces on a bridge. Everything carries the fleet's tag in its name, and is found again by it.
import { bridgeName, formatAddress, linkName } from './lay-out.mjs';
import { shapingArgv } from './link-rate.mjs';
import { mapLimited, runCommand } from './run-command.mjs';

/**
 * @typedef {import('./lay-out.mjs').HostPlan} HostPlan
 */

const prefixLength = 22;
const parallel = 8;
const removalAttempts = 5;

/**
 * Tries what a fleet of namespaces needs, inside of a namespace that is gone afterwards.
 *
 * @param {{ tag: string, isShaped: boolean }} fleet
 * @returns {Promise<string | undefined>} why it cannot be, or `undefined` when it can
 */
export async function explainNoNamespaces({ tag, isShaped }) {
  if (process.geteuid?.() !== 0) return 'only root may make network namespaces';
  const probe = `scap-${tag}-probe`;
  try {
    await runCommand(['ip', 'netns', 'add', probe]);
    await runCommand(['ip', '-n', probe, '-batch', '-'], {
      input: 'link add br0 type bridge\nlink add veth0 type veth peer name veth1\nlink set veth0 master br0 up\n',
    });
    if (isShaped) await runCommand(['tc', '-n', probe, 'qdisc', 'add', 'dev', 'veth1', ...shapingArgv('100mbit')]);
    const mount = 'mount --bind /tmp /srv && mount -t tmpfs tmpfs /run';
    await runCommand(['ip', 'netns', 'exec', probe, 'unshare', '-m', 'sh', '-c', mount]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await runCommand(['ip', 'netns', 'del', probe]).catch(() => {});
  }
}

/** Destinations of all IPv4 routes of this machine. @returns {Promise<string[]>} */
export async function readRoutes() {
  const routes = JSON.parse(await runCommand(['ip', '-j', '-4', 'route', 'show', 'table', 'all']));
  return routes.map((/** @type {{ dst: string }} */ { dst }) => dst);
}

/**
 * Makes the bridge, and for each host a namespace with one link to it. This machine is on the bridge with the first address.
 *
 * @param {{ tag: string, base: number, hosts: readonly HostPlan[], rate?: string | undefined, deployRate?: string | undefined }} fleet
 *   `rate`: of each host's link, in each direction. `deployRate`: of all that this machine sends to hosts.
 */
export async function createNetwork({ tag, base, hosts, rate, deployRate }) {
  const bridge = bridgeName(tag);
  await runCommand(['ip', '-batch', '-'], {
    input: [
      `link add ${bridge} type bridge`,
      `addr add ${formatAddress(base + 1)}/${prefixLength} dev ${bridge}`,
      `link set ${bridge} up`,
      '',
    ].join('\n'),
  });
  // One command per host: whoever brings down a fleet that was killed here need not reckon with a long one still at work.
  await mapLimited(hosts, parallel, async ({ name, netns = '', address }) => {
    const link = linkName(tag, name);
    await runCommand(['ip', '-batch', '-'], {
      input: [
        `netns add ${netns}`,
        `link add ${link} type veth peer name eth0 netns ${netns}`,
        `link set ${link} master ${bridge} up`,
        '',
      ].join('\n'),
    });
    await runCommand(['ip', '-n', netns, '-batch', '-'], {
      input: `link set lo up\naddr add ${address}/${prefixLength} dev eth0\nlink set eth0 up\n`,
    });
    if (rate !== undefined) await runCommand(['tc', '-n', netns, 'qdisc', 'add', 'dev', 'eth0', ...shapingArgv(rate)]);
  });
  const shaped = [
    ...(rate === undefined ? [] : hosts.map(({ name }) => ({ link: linkName(tag, name), bits: rate }))),
    // Only what this machine sends itself passes the queue of the bridge; what hosts send each other does not.
    ...(deployRate === undefined ? [] : [{ link: bridge, bits: deployRate }]),
  ];
  if (shaped.length === 0) return;
  await runCommand(['tc', '-batch', '-'], {
    input: shaped.map(({ link, bits }) => `qdisc add dev ${link} ${shapingArgv(bits).join(' ')}\n`).join(''),
  });
}

/**
 * Removes every link and namespace that carries the tag; those of a fleet that was only half made too. Looks again until
 * nothing is left.
 *
 * @param {string} tag
 */
export async function removeNetwork(tag) {
  for (let attempt = 1; ; attempt += 1) {
    const { links, namespaces } = await findNetwork(tag);
    if (links.length + namespaces.length === 0) return;
    const lines = [...links.map((link) => `link del ${link}`), ...namespaces.map((name) => `netns del ${name}`), ''];
    try {
      // -force: whatever is amiss with a line, the next one is tried. A link may vanish with its namespace meanwhile.
      await runCommand(['ip', '-force', '-batch', '-'], { input: lines.join('\n') });
    } catch (error) {
      if (attempt === removalAttempts) throw error;
    }
  }
}

/**
 * @param {string} tag
 * @returns {Promise<{ links: string[], namespaces: string[] }>} the bridge is the first link
 */
export async function findNetwork(tag) {
  const [links, namespaces] = await Promise.all([
    runCommand(['ip', '-j', 'link', 'show']),
    runCommand(['ip', 'netns', 'list']),
  ]);
  const bridge = bridgeName(tag);
  const names = JSON.parse(links).map((/** @type {{ ifname: string }} */ { ifname }) => ifname);
  return {
    links: names.filter((/** @type {string} */ name) => name === bridge || name.startsWith(`${bridge}-`)),
    namespaces: namespaces
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '')
      .filter((name) => name.startsWith(`scap-${tag}-`)),
  };
}
