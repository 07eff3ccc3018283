/** The one module that a daemon serves. */
export const moduleName = 'tree';

export interface RsyncdPlace {
  /** To listen on; no other. */
  readonly address: string;
  readonly port: number;
  /** To serve, read-only. */
  readonly tree: string;
  readonly secretsFile: string;
}

/**
 * The configuration of a short-lived `rsync --daemon` (rsyncd.conf(5)) that lets nobody in but who is in its file of secrets, which
 * it reads anew for each connection. As root it reads files of every mode, below its root directory only.
 */
export function formatRsyncdConfig({ address, port, tree, secretsFile }: RsyncdPlace): string {
  const lines = [
    `address = ${address}`,
    `port = ${port}`,
    'log file = /dev/null',
    'reverse lookup = no',
    `[${moduleName}]`,
    `path = ${tree}`,
    'read only = yes',
    'list = no',
    'use chroot = yes',
    'uid = 0',
    'gid = 0',
    'auth users = *',
    `secrets file = ${secretsFile}`,
    'strict modes = yes',
  ];
  return `${lines.join('\n')}\n`;
}

/** The file of secrets: who may come in now, and with what. */
export function formatSecrets(secrets: ReadonlyMap<string, string>): string {
  return [...secrets].map(([user, password]) => `${user}:${password}\n`).join('');
}
