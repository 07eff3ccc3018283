// Starting one host's SSH server.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { FleetError } from './fleet-error.mjs';
import { awaitBanner } from './ports.mjs';
import { runCommand, searchPath } from './run-command.mjs';

/**
 * @typedef {import('./lay-out.mjs').HostPlan & { root: string }} ServerPlace
 */

const startTimeoutMs = 20_000;
const logLines = 5;
const separationDirectory = '/run/sshd';

// An sshd of root insists on /run/sshd. The namespaces get mounts of this machine, and give it none.
const inOwnMounts = ['unshare', '-m', '--propagation', 'slave', 'sh', '-c'];
const privateRun = 'mount -t tmpfs -o mode=755 tmpfs /run && mkdir -m 755 /run/sshd';
const startWithRun = `${privateRun} && exec "$@"`;
const startWithSrv = `mount --bind "$1" /srv && shift && ${startWithRun}`;

/** @returns {string} absolute path: sshd starts itself again for each connection */
export function findSshd() {
  for (const directory of searchPath().split(':')) {
    if (directory.startsWith('/') && existsSync(`${directory}/sshd`)) return `${directory}/sshd`;
  }
  throw new FleetError('Cannot find sshd', 'Run: scripts/setup');
}

/** Tells whether sshd has PerSourcePenalties: from OpenSSH 9.8 on. */
export async function hasPenalties() {
  // The client and the server are one release; only the client tells its version without complaint.
  const version = /OpenSSH_(\d+)\.(\d+)/.exec(await runCommand(['sh', '-c', 'exec ssh -V 2>&1']));
  const [major = 0, minor = 0] = (version ?? []).slice(1).map(Number);
  return major > 9 || (major === 9 && minor >= 8);
}

/**
 * The command that becomes a host's server: each program of it replaces itself by the next one.
 *
 * @param {ServerPlace} place
 * @param {{ sshd: string, isRunPrivate: boolean }} machine
 * @returns {string[]}
 */
export function serverArgv({ root, netns }, { sshd, isRunPrivate }) {
  const server = [sshd, '-D', '-e', '-f', `${root}/sshd_config`];
  if (netns !== undefined) {
    return ['ip', 'netns', 'exec', netns, ...inOwnMounts, startWithSrv, 'sh', `${root}/srv`, ...server];
  }
  return isRunPrivate ? [...inOwnMounts, startWithRun, 'sh', ...server] : server;
}

/** Tells whether a plain server gets a /run of its own. Where mounts are forbidden /run/sshd is made, and stays. */
async function needsPrivateRun() {
  if (process.geteuid?.() !== 0 || existsSync(separationDirectory)) return false;
  try {
    await runCommand(['unshare', ...inOwnMounts.slice(1), privateRun]);
    return true;
  } catch {
    mkdirSync(separationDirectory, { recursive: true, mode: 0o755 });
    return false;
  }
}

/**
 * Starts a host's server and waits until it greets. It outlives this process.
 *
 * @param {ServerPlace} place
 * @throws {FleetError} when it does not within 20 s, with the end of its log
 */
export async function startServer(place) {
  const [program = '', ...words] = serverArgv(place, {
    sshd: findSshd(),
    isRunPrivate: await needsPrivateRun(),
  });
  const log = openSync(`${place.root}/sshd.log`, 'a');
  // Its title is written over its arguments and environment, and must fit there.
  const env = {
    PATH: searchPath(),
    LANG: 'C',
    PURPOSE: 'A throw-away host of scripts/fleet, which ends with: fleet down',
  };
  const child = spawn(program, words, { cwd: '/', env, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  let isAlive = true;
  child.on('error', () => {
    isAlive = false;
  });
  child.on('exit', () => {
    isAlive = false;
  });
  child.unref();
  if (await awaitBanner({ ...place, timeoutMs: startTimeoutMs, isAlive: () => isAlive })) return;
  const said = readFileSync(`${place.root}/sshd.log`, 'utf8').trim().split('\n').slice(-logLines).join('; ');
  throw new FleetError(
    `Cannot start the SSH server of ${place.name} at ${place.address}:${place.port}: ${said || 'it said nothing'}`,
    'See what it says; scripts/fleet up --mode plain asks less of the machine',
  );
}
