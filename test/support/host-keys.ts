// Public host keys without a program to make them, and OpenSSH's own reading of a known_hosts file.
import { spawnSync } from 'node:child_process';
import { createECDH } from 'node:crypto';
import { expect } from 'vitest';

/** A public key of the wire format: its strings, each after its length. */
function toBlob(...strings: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(
    strings.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(part.length);
      return [length, Buffer.from(part)];
    }),
  );
}

/** Different for every `seed` from 0 to 255. */
export function ed25519Key(seed: number): Buffer {
  return toBlob('ssh-ed25519', Buffer.alloc(32, seed));
}

/** Has the shape of an RSA key of 2048 bits; nobody knows its factors. Different for every `seed` from 0 to 255. */
export function rsaKey(seed: number): Buffer {
  return toBlob('ssh-rsa', Buffer.from([1, 0, 1]), Buffer.concat([Buffer.from([0, 0x80]), Buffer.alloc(255, seed)]));
}

/** Different for every `seed` from 1 to 255. */
export function ecdsaKey(seed: number): Buffer {
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(Buffer.alloc(32, seed));
  return toBlob('ecdsa-sha2-nistp256', 'nistp256', curve.getPublicKey());
}

export interface OracleEntry {
  readonly line: number;
  readonly marker?: 'revoked' | 'cert-authority';
  readonly fingerprint: string;
}

/** What `ssh-keygen` finds for `name` ("h", "[h]:2222"; in lower case, as `ssh` asks) in the file at `path`. */
export function findWithSshKeygen(name: string, path: string): OracleEntry[] {
  const { status, stdout, stderr } = spawnSync('ssh-keygen', ['-l', '-F', name, '-f', path], { encoding: 'utf8' });
  // 1: nothing found.
  expect([0, 1], stderr).toContain(status);
  const found = [...stdout.matchAll(/^# Host \S+ found: line (\d+) ?(\S*)\n.* (SHA256:\S+).*$/gm)];
  expect(found).toHaveLength(stdout.split('\n# Host ').length - (stdout === '' ? 1 : 0));
  return found.map(([, line, mark, fingerprint]) => ({
    line: Number(line),
    ...(mark === 'REVOKED' && { marker: 'revoked' as const }),
    ...(mark === 'CA' && { marker: 'cert-authority' as const }),
    fingerprint: fingerprint ?? '',
  }));
}
