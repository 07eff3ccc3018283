import { copyFile, readFile } from 'node:fs/promises';
import { mapLimited, runCommand } from './run-command.mjs';

const parallel = 8;

/**
 * Makes the key of the client and one per host, unless they are there already.
 *
 * @param {string} directory the fleet's
 * @param {readonly string[]} roots directories of the hosts
 * @returns {Promise<string[]>} public keys of the hosts, in order: type and key, no comment
 */
export async function makeKeys(directory, roots) {
  const [, ...publicKeys] = await mapLimited(
    [`${directory}/id_ed25519`, ...roots.map((root) => `${root}/host_key`)],
    parallel,
    ensureKey,
  );
  await copyFile(`${directory}/id_ed25519.pub`, `${directory}/authorized_keys`);
  return publicKeys;
}

/** @param {string} path */
async function ensureKey(path) {
  const existing = await readPublicKey(path);
  if (existing !== undefined) return existing;
  // ssh-keygen asks before it overwrites half a pair; its input is at its end, which means no.
  await runCommand(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'scap-fleet', '-f', path]);
  return (await readPublicKey(path)) ?? '';
}

/** @param {string} path of the private key */
async function readPublicKey(path) {
  try {
    return (await readFile(`${path}.pub`, 'utf8')).trim().split(' ').slice(0, 2).join(' ');
  } catch {
    return undefined;
  }
}
