// OpenSSH itself says which lines of a file speak of a host.
import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  entriesFor,
  fingerprint,
  formatKnownHostsLine,
  type HostAddress,
  keyType,
  parseKnownHosts,
} from '../../../../src/transport/ssh/known-hosts.ts';
import { ecdsaKey, ed25519Key, findWithSshKeygen, rsaKey } from '../../../support/host-keys.ts';
import { useTempDirs } from '../../../support/temp-dir.ts';

const tempDir = useTempDirs();
let path: string;
beforeEach(() => {
  path = join(tempDir(), 'known_hosts');
});

const key = ed25519Key(1).toString('base64');

/** What we find in `text`, in the oracle's words. */
function find(text: string, address: HostAddress) {
  return entriesFor([parseKnownHosts(text, path)], address).map((entry) => ({
    line: entry.line,
    ...(entry.marker && { marker: entry.marker }),
    fingerprint: fingerprint(entry.key),
  }));
}

function oracle(text: string, { host, port }: HostAddress) {
  writeFileSync(path, text);
  return findWithSshKeygen(lookupName({ host, port }), path);
}

describe('entriesFor()', () => {
  const patterns = [
    ...['web1', 'WEB1', 'web1,db1', 'db1,web1', 'db1', 'web', 'web11', 'web1,', ',web1', ',,', 'xweb1', 'we*b1'],
    ...['*', '**', 'w*', '*1', 'w*1', '*e*', '?eb1', '????', '???', '?????', 'w?*1', '*?', 'web1*', 'web1?', 'web?*?'],
    ...['!web1', '*,!web1', '!web1,*', '!*', '*,!db?', '!w*,web1', '!!web1,*', '*,!', '!,*', '*,!WEB1', 'web1,!web2'],
    ...['[web1]:2222', '[web1]:22', '[WEB1]:2222', '[*]:2222', '[web1]:*', '[w?b1]:22?2', '[*', '*]:2222', '[web1]'],
    ...[
      '[*]:*,![web1]:2222',
      '*:2222',
      '[[]web1',
      'we[b]1',
      '10.0.0.1',
      '10.0.0.*',
      '10.0.0.1/24',
      'fe80::1',
      'fe80:*',
    ],
    ...['[fe80::1]:2222', 'w\\eb1', 'web1.', '#web1', '"web1"', 'web1\r', 'ｗeb1', '\u212A', `${'*'.repeat(1022)}`],
    ...[`*,${'a'.repeat(1022)}`, `*,${'a'.repeat(1023)}`, `*,!${'a'.repeat(1022)}`],
  ];
  const addresses = ['web1', 'Web1', 'web2', 'db1', '10.0.0.1', 'fe80::1', 'k'].flatMap((host) => [
    { host, port: 22 },
    { host, port: 2222 },
  ]);

  it.each(addresses)('finds for $host, port $port, what ssh-keygen finds', (address) => {
    const text = patterns.map((pattern) => `${pattern} ssh-ed25519 ${key}\n`).join('');
    const found = find(text, address);
    expect(found).toEqual(oracle(text, address));
    expect(found.length).toBeGreaterThan(5);
    expect(found.length).toBeLessThan(patterns.length - 5);
  });

  it('reads the forms of a line as ssh-keygen does', () => {
    const lines = [
      `web1 ssh-ed25519 ${key}`,
      `web1 ssh-ed25519 ${key}\r`,
      `web1 ssh-ed25519 ${key} a comment\r`,
      `\t web1\t ssh-ed25519\t ${key}\t a # comment `,
      `# web1 ssh-ed25519 ${key}`,
      `  # web1 ssh-ed25519 ${key}`,
      '',
      '\r',
      `@revoked web1 ssh-ed25519 ${key}`,
      `@revoked  \tweb1 ssh-ed25519 ${key}`,
      ` @cert-authority web1 ssh-ed25519 ${key}`,
      `@revoked\tweb1\tssh-ed25519\t${key}`,
      `@revoked @cert-authority web1 ssh-ed25519 ${key}`,
      `@Revoked web1 ssh-ed25519 ${key}`,
      `@other web1 ssh-ed25519 ${key}`,
      `@ web1 ssh-ed25519 ${key}`,
      `web1 ${key}`,
      'web1 ssh-ed25519',
      'web1',
      `web1 ssh-rsa ${key}`,
      `web1 SSH-ED25519 ${key}`,
      `web1 ssh-ed25519 ${key}=`,
      `web1 ssh-ed25519 ${key}x`,
      `web1 ssh-ed25519 ${key.slice(0, -4)}`,
      `web1 ssh-ed25519 ${key.slice(1)}`,
      `web1 ssh-ed25519 #${key}`,
      `web1 #ssh-ed25519 ${key}`,
      'web1 1024 35 12345678901234567890',
      `web1 ssh-rsa ${rsaKey(1).toString('base64')}`,
      `web1 rsa-sha2-256 ${rsaKey(2).toString('base64')}`,
      `web1 rsa-sha2-512 ${rsaKey(3).toString('base64')}`,
      `web1 ecdsa-sha2-nistp256 ${ecdsaKey(1).toString('base64')}`,
      `web1 ecdsa-sha2-nistp384 ${ecdsaKey(1).toString('base64')}`,
      `|1|x|y ssh-ed25519 ${key}`,
      `${hashed('web1')} ssh-ed25519 ${key}`,
      `${hashed('web1')},web1 ssh-ed25519 ${key}`,
      `${hashed('web1')}|x ssh-ed25519 ${key}`,
      `${hashed('web1').slice(0, -1)} ssh-ed25519 ${key}`,
      `@revoked ${hashed('web1')} ssh-ed25519 ${key}`,
      `${hashed('web2')} ssh-ed25519 ${key}`,
      `web1 ssh-ed25519 ${key} no line end`,
    ];
    const text = lines.join('\n');
    const address = { host: 'web1', port: 22 };
    expect(find(text, address)).toEqual(oracle(text, address));
    expect(find(text, address)).toHaveLength(15);
  });

  it('finds for any name what ssh-keygen finds', { timeout: 60_000 }, () => {
    const port = fc.constantFrom(22, 23, 2222);
    const name = fc.string({ unit: fc.constantFrom('a', 'A', 'b'), minLength: 1, maxLength: 3 });
    const address = fc.record({ host: name, port });
    const piece = fc.constantFrom('a', 'A', 'b', '.', '*', '?');
    const glob = fc.oneof(name, fc.string({ unit: piece, maxLength: 4 }), fc.constantFrom('*', '?', 'a*', '*b', '??'));
    const withPort = fc.tuple(glob, fc.constantFrom('22', '23', '2*', '2?', '*', '222?'));
    const pattern = fc
      .tuple(
        fc.constantFrom('', '', '!'),
        fc.oneof(
          glob,
          withPort.map(([host, digits]) => `[${host}]:${digits}`),
        ),
      )
      .map((parts) => parts.join(''));
    const names = fc.oneof(
      { weight: 4, arbitrary: fc.array(pattern, { minLength: 1, maxLength: 4 }).map((list) => list.join(',')) },
      { weight: 1, arbitrary: address.map((to) => hashed(lookupName(to))) },
    );
    const blank = fc.constantFrom(' ', '\t', '  ', ' \t');
    const line = fc
      .tuple(
        fc.constantFrom('', '', '', '@revoked ', '@cert-authority ', '@other ', ' ', '#'),
        names,
        blank,
        fc.constantFrom(ed25519Key(1), ed25519Key(2), rsaKey(1), ecdsaKey(1)),
        blank,
        fc.constantFrom('', '', ' comment', '\r', ' # \r', '!'),
      )
      .map(([marker, to, gap, blob, gap2, end]) =>
        [marker, to, gap, keyType(blob), gap2, blob.toString('base64'), end].join(''),
      );
    const text = fc
      .tuple(fc.array(line, { minLength: 10, maxLength: 30 }), fc.constantFrom('', '\n'))
      .map(([l, end]) => l.join('\n') + end);
    let found = 0;
    fc.assert(
      fc.property(text, address, (content, to) => {
        const ours = find(content, to);
        found += ours.length;
        expect(ours).toEqual(oracle(content, to));
      }),
      { numRuns },
    );
    // Nearly two a file.
    expect(found).toBeGreaterThan(numRuns / 2);
  });

  it('finds hosts in a file that ssh-keygen has hashed', () => {
    const recorded: [HostAddress, Buffer][] = [
      [{ host: 'web1', port: 22 }, ed25519Key(1)],
      [{ host: 'Web2', port: 22 }, rsaKey(2)],
      [{ host: 'web1', port: 2222 }, ecdsaKey(3)],
      [{ host: 'fe80::1', port: 2222 }, ed25519Key(4)],
    ];
    writeFileSync(path, recorded.map(([address, blob]) => `${formatKnownHostsLine(address, blob)}\n`).join(''));
    expect(spawnSync('ssh-keygen', ['-H', '-f', path]).status).toBe(0);
    const text = readFileSync(path, 'utf8');
    expect(text).not.toContain('web');
    expect(text.match(/^\|1\|/gm)).toHaveLength(recorded.length);
    for (const [index, [address, blob]] of recorded.entries()) {
      expect(find(text, address)).toEqual([{ line: index + 1, fingerprint: fingerprint(blob) }]);
      expect(find(text, { ...address, port: 23 })).toEqual([]);
    }
  });
});

describe('fingerprint()', () => {
  it.each([
    ['ED25519', ed25519Key(7)],
    ['RSA', rsaKey(7)],
    ['ECDSA', ecdsaKey(7)],
  ])('is what ssh-keygen -l prints for %s', (type, blob) => {
    writeFileSync(path, `${keyType(blob)} ${blob.toString('base64')}\n`);
    const { stdout } = spawnSync('ssh-keygen', ['-l', '-f', path], { encoding: 'utf8' });
    expect(stdout).toMatch(new RegExp(`^\\d+ \\S+ no comment \\(${type}\\)\n$`));
    expect(stdout.split(' ')[1]).toBe(fingerprint(blob));
  });
});

/** At some 6 ms each; several times that on a busy machine, hence the time limit. */
const numRuns = 100;

function lookupName({ host, port }: HostAddress): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

function hashed(name: string): string {
  const salt = Buffer.alloc(20, name);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}
