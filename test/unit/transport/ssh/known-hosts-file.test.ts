import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { formatKnownHostsLine, judgeHostKey } from '../../../../src/transport/ssh/known-hosts.ts';
import { readKnownHostsFiles, recordHostKeys } from '../../../../src/transport/ssh/known-hosts-file.ts';
import { ed25519Key } from '../../../support/host-keys.ts';
import { useTempDirs } from '../../../support/temp-dir.ts';
import { asUnprivileged } from '../../../support/unprivileged.ts';

const tempDir = useTempDirs();
let directory: string;
let path: string;
beforeEach(() => {
  directory = tempDir();
  path = join(directory, 'known_hosts');
});

const host = { host: 'web1', port: 2222 };
const line = formatKnownHostsLine(host, ed25519Key(1));

function mode(of: string): number {
  return statSync(of).mode & 0o7777;
}

describe('readKnownHostsFiles()', () => {
  it('reads the files in their order; a missing one is empty', () => {
    writeFileSync(path, `broken\n${line}\n`);
    const missing = join(directory, 'none', 'known_hosts');
    const files = readKnownHostsFiles([missing, path]);
    expect(files.map(({ source, brokenLines }) => [source, brokenLines])).toEqual([
      [missing, 0],
      [path, 1],
    ]);
    expect(judgeHostKey(files, host, ed25519Key(1))).toEqual({ kind: 'known' });
  });

  it('[B48] refuses to go on without a file that may not be read', async () => {
    writeFileSync(path, `${line}\n`);
    chmodSync(path, 0);
    chmodSync(directory, 0o777);
    const read = asUnprivileged(async () => readKnownHostsFiles([path]));
    await expect(read).rejects.toMatchObject({
      code: 'permission_denied',
      message: `Cannot read the known host keys in "${path}": permission denied`,
    });
  });

  it('refuses a directory', () => {
    expect(() => readKnownHostsFiles([directory])).toThrow(expect.objectContaining({ code: 'io_failed' }));
  });
});

describe('recordHostKeys()', () => {
  it('makes the file and its directories for the user alone', () => {
    path = join(directory, 'home', '.ssh', 'known_hosts');
    recordHostKeys(path, [line]);
    expect(readFileSync(path, 'utf8')).toBe(`${line}\n`);
    expect([mode(path), mode(join(directory, 'home', '.ssh'))]).toEqual([0o600, 0o700]);
    expect(judgeHostKey(readKnownHostsFiles([path]), host, ed25519Key(1))).toEqual({ kind: 'known' });
  });

  it.each([
    ['', ''],
    ['# a\n', '# a\n'],
    ['# a', '# a\n'],
    ['# a\n\n', '# a\n\n'],
    ['# a\r\n', '# a\r\n'],
  ])('appends to %j and keeps its mode', (before, kept) => {
    writeFileSync(path, before);
    chmodSync(path, 0o644);
    recordHostKeys(path, [line, '# b']);
    expect(readFileSync(path, 'utf8')).toBe(`${kept}${line}\n# b\n`);
    expect(mode(path)).toBe(0o644);
  });

  it('touches nothing for no lines', () => {
    recordHostKeys(path, []);
    expect(existsSync(path)).toBe(false);
  });

  it('says where it may not write', async () => {
    const foreign = join(directory, 'foreign');
    mkdirSync(foreign, { mode: 0o555 });
    const record = asUnprivileged(async () => recordHostKeys(join(foreign, 'known_hosts'), [line]));
    await expect(record).rejects.toMatchObject({
      code: 'permission_denied',
      message: expect.stringContaining(foreign),
    });
  });
});
