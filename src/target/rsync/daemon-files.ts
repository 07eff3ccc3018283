/**
 * What an rsync daemon is configured with, as rsyncd.conf(5) says: one module, to be read by those who are in the file of secrets.
 *
 * Without chroot, which only root may use; only the blob's own directory is served, which holds nothing else, and no link leads out of it.
 */
import { ScapError } from '../../core/errors.ts';
import type { TicketSecret } from '../relay/ticket.ts';

/** The one module that a source has. */
export const moduleName = 'blob';

export interface DaemonPlace {
  /** What is served; absolute. */
  readonly served: string;
  readonly secrets: string;
  /** Whose files these are: an rsync that runs as root would otherwise read them as nobody. */
  readonly uid: number;
  readonly gid: number;
}

/** Throws `relay_unavailable` for paths that the file cannot express. */
export function formatDaemonConfig({ served, secrets, uid, gid }: DaemonPlace): string {
  for (const path of [served, secrets]) if (!isPlain(path)) throw inexpressible(path);
  const lines = [
    // It logs to syslog otherwise.
    'log file = /dev/null',
    'reverse lookup = no',
    `[${moduleName}]`,
    `path = ${served}`,
    'read only = yes',
    'list = no',
    'use chroot = no',
    `uid = ${uid}`,
    `gid = ${gid}`,
    'auth users = *',
    `secrets file = ${secrets}`,
    'strict modes = yes',
  ];
  return `${lines.join('\n')}\n`;
}

/** Who may come in now: an identity and its key to a line. */
export function formatSecrets(secrets: readonly TicketSecret[]): string {
  return secrets.map(({ identity, key }) => `${identity}:${key}\n`).join('');
}

/** Backslashes go on with the next line, percent signs are replaced by what the environment has, and blanks at the ends are left out. */
function isPlain(path: string): boolean {
  return !/[\p{Cc}\\%]/u.test(path) && path === path.trim();
}

function inexpressible(path: string): ScapError {
  return new ScapError('relay_unavailable', `Cannot serve other hosts by rsync from ${JSON.stringify(path)}`, {
    hint: 'Its configuration cannot name that path: choose another cache directory, or set fanout.carrier to "relay"',
  });
}
