/**
 * What an rsync daemon is configured with, as rsyncd.conf(5) says: for each ticket a module of its own, which holds one blob and is read by who has the
 * ticket. Without chroot, which only root may use; no link leads out of what is served.
 */
import { ScapError } from '../../core/errors.ts';
import type { TicketSecret } from '../relay/ticket.ts';

export interface DaemonModule {
  /** Of the ticket: the module's name, and that of the only user. */
  readonly identity: string;
  /** What is served; absolute. */
  readonly path: string;
}

export interface DaemonPlace {
  readonly modules: readonly DaemonModule[];
  readonly secrets: string;
  /** Who the daemon runs as. */
  readonly uid: number;
  readonly gid: number;
}

/** Throws `relay_unavailable` for paths that the file cannot express. */
export function formatDaemonConfig({ modules, secrets, uid, gid }: DaemonPlace): string {
  // As root rsync would read files as nobody; others may not even name who they are.
  const owner = uid === 0 ? [`uid = ${uid}`, `gid = ${gid}`] : [];
  const lines = [
    // It logs to syslog otherwise.
    'log file = /dev/null',
    'reverse lookup = no',
    'read only = yes',
    'list = no',
    'use chroot = no',
    ...owner,
    `secrets file = ${plain(secrets)}`,
    'strict modes = yes',
    ...modules.flatMap(({ identity, path }) => [`[${identity}]`, `path = ${plain(path)}`, `auth users = ${identity}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Who may come in now: an identity and its key to a line. */
export function formatSecrets(secrets: readonly TicketSecret[]): string {
  return secrets.map(({ identity, key }) => `${identity}:${key}\n`).join('');
}

/** Backslashes go on with the next line, percent signs are replaced by what the environment has, and blanks at the ends are left out. */
function plain(path: string): string {
  if (!/[\p{Cc}\\%]/u.test(path) && path === path.trim()) return path;
  throw new ScapError('relay_unavailable', `Cannot serve other hosts by rsync from ${JSON.stringify(path)}`, {
    hint: 'Its configuration cannot name that path: choose another cache directory, or set fanout.carrier to "relay"',
  });
}
