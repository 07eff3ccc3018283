// Which processes of this machine belong to which host. Nothing remembers process ids: a host's processes are told by
// what they are, so that a recycled id is never taken for one of them and a fleet killed half-way up is found whole.
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { FleetError } from './fleet-error.mjs';
import { sessionEnvironment } from './sshd-config.mjs';

const pollMs = 10;
const patienceMs = 10_000;
/** What a server is before it is one: see server.mjs. */
const starters = new Set(['ip', 'unshare', 'sh']);

/**
 * @typedef {object} ProcessEntry
 * @property {number} pid
 * @property {number} parent
 * @property {string} program as the kernel calls it, at most 15 characters
 * @property {boolean} isStopped
 * @property {string} commandLine words joined by spaces
 * @property {string | undefined} cacheHome XDG_CACHE_HOME of its environment
 * @property {string | undefined} network `net:[…]`
 */

/**
 * @typedef {object} HostMarks
 * @property {string} root the host's directory
 * @property {string | undefined} netns name of its network namespace
 */

/**
 * Every process but zombies, and but this one with its ancestors.
 *
 * @returns {ReadonlyMap<number, ProcessEntry>}
 */
export function readProcesses() {
  /** @type {Map<number, ProcessEntry>} */
  const table = new Map();
  for (const name of readdirSync('/proc')) {
    const entry = /^\d+$/.test(name) ? readProcess(Number(name)) : undefined;
    if (entry !== undefined) table.set(entry.pid, entry);
  }
  for (let pid = process.pid; pid > 0; ) {
    const parent = table.get(pid)?.parent ?? 0;
    table.delete(pid);
    pid = parent;
  }
  return table;
}

/**
 * The SSH server of a host, or what is about to become it.
 *
 * @param {ReadonlyMap<number, ProcessEntry>} table
 * @param {HostMarks} host
 * @returns {number | undefined}
 */
export function findServer(table, { root }) {
  const words = ` -D -e -f ${root}/sshd_config `;
  for (const { pid, program, commandLine } of table.values()) {
    if ((isSshd(program) || starters.has(program)) && `${commandLine} `.includes(words)) return pid;
  }
  return undefined;
}

/**
 * All processes of a host: its server; what has the host's cache in its environment, as every session has, with the
 * servers of these sessions; what is in its network namespace; and everything below those.
 *
 * @param {ReadonlyMap<number, ProcessEntry>} table
 * @param {HostMarks} host
 * @returns {ProcessEntry[]}
 */
export function findHostProcesses(table, host) {
  const cacheHome = sessionEnvironment(host.root).XDG_CACHE_HOME;
  const network = networkOf(host.netns);
  /** @type {Set<number>} */
  const found = new Set();
  const server = findServer(table, host);
  if (server !== undefined) found.add(server);
  for (const entry of table.values()) {
    if (network !== undefined && entry.network === network) found.add(entry.pid);
    if (entry.cacheHome !== cacheHome) continue;
    found.add(entry.pid);
    // Sessions outlive a server that was killed by somebody else.
    let above = table.get(entry.parent);
    while (above !== undefined && isSshd(above.program)) {
      found.add(above.pid);
      above = table.get(above.parent);
    }
  }
  for (let size = -1; size < found.size; ) {
    size = found.size;
    for (const { pid, parent } of table.values()) if (found.has(parent)) found.add(pid);
  }
  return [...table.values()].filter(({ pid }) => found.has(pid));
}

/**
 * Kills every process of the hosts, and waits until they are gone.
 *
 * @param {readonly HostMarks[]} hosts
 * @throws {FleetError} when some are still there after ten seconds
 */
export function killHostProcesses(hosts) {
  return signalUntilNone(hosts, 'SIGKILL', () => true);
}

/**
 * Stops every process of a host as it is. Its connections stay open and nobody answers.
 *
 * @param {HostMarks} host
 */
export function freezeHostProcesses(host) {
  return signalUntilNone([host], 'SIGSTOP', ({ isStopped }) => !isStopped);
}

/** @param {HostMarks} host */
export function thawHostProcesses(host) {
  return signalUntilNone([host], 'SIGCONT', ({ isStopped }) => isStopped);
}

/**
 * Processes that are born meanwhile are met by the next look.
 *
 * @param {readonly HostMarks[]} hosts
 * @param {NodeJS.Signals} signal
 * @param {(entry: ProcessEntry) => boolean} isWanted
 */
async function signalUntilNone(hosts, signal, isWanted) {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const table = readProcesses();
    const pids = new Set(
      hosts.flatMap((host) => findHostProcesses(table, host).filter(isWanted)).map(({ pid }) => pid),
    );
    if (pids.size === 0) return;
    if (Date.now() > deadline) {
      throw new FleetError(
        `Cannot bring processes ${[...pids].join(', ')} to heed ${signal}`,
        'Look at them with: ps -o pid,stat,wchan,args -p PID',
      );
    }
    for (const pid of pids) signalProcess(pid, signal);
    await sleep(pollMs);
  }
}

/** @param {number} pid @param {NodeJS.Signals} signal */
function signalProcess(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile; when it may not be signalled, the next looks find it until patience ends.
  }
}

/** @param {string} program sshd, and from OpenSSH 9.8 on sshd-session and sshd-auth */
function isSshd(program) {
  return program === 'sshd' || program.startsWith('sshd-');
}

/** @param {string | undefined} netns */
function networkOf(netns) {
  if (netns === undefined) return undefined;
  const found = statSync(`/run/netns/${netns}`, { throwIfNoEntry: false });
  return found && `net:[${found.ino}]`;
}

/** @param {number} pid @returns {ProcessEntry | undefined} */
function readProcess(pid) {
  // The name may hold anything, brackets and blanks too: "12 (a) b) S 1 …".
  const match = /^\d+ \((.*)\) (\S) (\d+) /s.exec(readOrNothing(() => readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? '');
  const [, program = '', state = '', parent = '0'] = match ?? [];
  if (match === null || state === 'Z' || state === 'X') return undefined;
  const words = (/** @type {string} */ file) =>
    (readOrNothing(() => readFileSync(`/proc/${pid}/${file}`, 'utf8')) ?? '').split('\0');
  const variable = 'XDG_CACHE_HOME=';
  return {
    pid,
    parent: Number(parent),
    program,
    isStopped: state === 'T' || state === 't',
    commandLine: words('cmdline').join(' ').trimEnd(),
    cacheHome: words('environ')
      .find((word) => word.startsWith(variable))
      ?.slice(variable.length),
    network: readOrNothing(() => readlinkSync(`/proc/${pid}/ns/net`)),
  };
}

/**
 * Other people's processes hide some of this, and any may end meanwhile.
 *
 * @param {() => string} read
 */
function readOrNothing(read) {
  try {
    return read();
  } catch {
    return undefined;
  }
}
