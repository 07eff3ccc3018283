// The files of one host's SSH server, as text.
import { dirname } from 'node:path';

const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The environment of every session. HOME is shared by all hosts, so agents get a cache of their own; an agent needs Node
 * in PATH; bash run by sshd reads .bashrc unless SHLVL says that it is not the outermost shell.
 *
 * @param {string} root the host's directory
 */
export function sessionEnvironment(root) {
  return {
    XDG_CACHE_HOME: `${root}/home/.cache`,
    SHLVL: '2',
    PATH: `${dirname(process.execPath)}:${systemPath}`,
  };
}

/**
 * For each option sshd takes the first line that sets it, so lines of the caller go first; from a `Match` on they go last,
 * because a block reaches to the end of the file. A `SetEnv` of the caller replaces ours.
 *
 * @param {{ root: string, directory: string, address: string, port: number, more?: readonly string[], hasPenalties: boolean }} host
 *   `root`: the host's directory. `directory`: the fleet's. `hasPenalties`: OpenSSH 9.8 and newer.
 */
export function formatSshdConfig({ root, directory, address, port, more = [], hasPenalties }) {
  const matchAt = more.findIndex((line) => /^\s*match\b/i.test(line));
  const [first, last] = matchAt < 0 ? [more, []] : [more.slice(0, matchAt), more.slice(matchAt)];
  const environment = Object.entries(sessionEnvironment(root)).map(([name, value]) => `"${name}=${value}"`);
  const lines = [
    ...first,
    `ListenAddress ${address}:${port}`,
    `HostKey ${root}/host_key`,
    `PidFile ${root}/sshd.pid`,
    `AuthorizedKeysFile ${directory}/authorized_keys`,
    'AuthenticationMethods publickey',
    'PubkeyAuthentication yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'UsePAM no',
    'StrictModes no',
    'MaxStartups 200',
    // All hosts see one client; its failed attempts on purpose must not lock it out.
    ...(hasPenalties ? ['PerSourcePenalties no'] : []),
    'PrintMotd no',
    'PrintLastLog no',
    'Banner none',
    `SetEnv ${environment.join(' ')}`,
    ...last,
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * A line of known_hosts; other ports than 22 are part of the name.
 *
 * @param {{ address: string, port: number, publicKey: string }} host
 */
export function formatKnownHost({ address, port, publicKey }) {
  return `${port === 22 ? address : `[${address}]:${port}`} ${publicKey}\n`;
}
