import { describe, expect, it } from 'vitest';
import {
  entriesFor,
  fingerprint,
  formatKnownHostsLine,
  type HostAddress,
  judgeHostKey,
  keyType,
  knownKeyTypes,
  parseKnownHosts,
} from '../../../../src/transport/ssh/known-hosts.ts';
import { ecdsaKey, ed25519Key, rsaKey } from '../../../support/host-keys.ts';

const key = ed25519Key(1);
const otherKey = ed25519Key(2);
const host: HostAddress = { host: 'mw1.example', port: 22 };

/** `names type base64`. */
function line(names: string, blob: Buffer = key): string {
  return `${names} ${keyType(blob)} ${blob.toString('base64')}`;
}

function judge(text: string, shown: Buffer = key, address: HostAddress = host) {
  return judgeHostKey([parseKnownHosts(text, 'f')], address, shown);
}

function kind(text: string, shown: Buffer = key, address: HostAddress = host) {
  return judge(text, shown, address).kind;
}

function recorded(blob: Buffer, at: number, source = 'f') {
  return { type: keyType(blob), fingerprint: fingerprint(blob), source, line: at };
}

describe('judgeHostKey()', () => {
  it.each([
    ['nothing', ''],
    ['another host', line('mw2.example')],
    ['a longer name', line('mw1.example.org')],
    ['the name on another port', line('[mw1.example]:2222')],
    ['port 22 in brackets, which is never asked for', line('[mw1.example]:22')],
    ['only what it is not', line('!mw2.example')],
    ['a revocation of another key', `@revoked ${line('*', otherKey)}`],
    ['a revocation for another host', `@revoked ${line('mw2.example')}`],
    ['an authority for another host', `@cert-authority ${line('*.org')}`],
    ['the key in a comment', `#${line('mw1.example')}`],
  ])('[B48] says "unknown" with %s on record', (_what, text) => {
    expect(judge(text)).toEqual({ kind: 'unknown' });
  });

  it.each([
    ['its name', line('mw1.example')],
    ['a list', line('mw2.example,mw1.example,10.0.0.1')],
    ['a pattern', line('mw?.*')],
    ['another key too', `${line('mw1.example', otherKey)}\n${line('*.example')}`],
    ['a key of another type too', `${line('mw1.example', rsaKey(1))}\n${line('mw1.example')}`],
    ['an authority too', `@cert-authority ${line('*', otherKey)}\n${line('mw1.example')}`],
  ])('[B48] says "known" when the key is on record with %s', (_what, text) => {
    expect(judge(text)).toEqual({ kind: 'known' });
  });

  it('[B48] says "changed" and lists the keys of the same type', () => {
    const text = [line('mw1.example', rsaKey(1)), line('mw1.example', otherKey), line('*', ed25519Key(3))].join('\n');
    expect(judge(text)).toEqual({ kind: 'changed', recorded: [recorded(otherKey, 2), recorded(ed25519Key(3), 3)] });
  });

  it('[B48] says "changed" and lists all keys when none is of the same type', () => {
    const text = [line('mw1.example', rsaKey(1)), line('mw2.example'), line('mw1.example', ecdsaKey(1))].join('\n');
    expect(judge(text)).toEqual({ kind: 'changed', recorded: [recorded(rsaKey(1), 1), recorded(ecdsaKey(1), 3)] });
  });

  it.each([
    ['before the record', `@revoked ${line('mw1.example')}\n${line('mw1.example')}`, 1],
    ['after the record', `${line('mw1.example')}\n@revoked ${line('mw1.example')}`, 2],
    ['by another pattern', `${line('mw1.example')}\n@revoked ${line('*')}`, 2],
    ['with nothing else on record', `\n\n@revoked ${line('*')}`, 3],
    ['with another key on record', `${line('mw1.example', otherKey)}\n@revoked ${line('*')}`, 2],
    ['with an authority on record', `@cert-authority ${line('*')}\n@revoked ${line('*')}`, 2],
    ['after a tab', `@revoked\t${line('*')}`, 1],
  ])('[B48] says "revoked" %s', (_what, text, at) => {
    expect(judge(text)).toEqual({ kind: 'revoked', source: 'f', line: at });
  });

  it('[B48] says "certificate-authority" when nothing but one is on record', () => {
    const text = `# ours\n@cert-authority ${line('*.example', rsaKey(1))}\n@revoked ${line('*', otherKey)}`;
    expect(judge(text)).toEqual({ kind: 'certificate-authority', source: 'f', line: 2 });
    expect(kind(`@cert-authority ${line('*.example')}`)).toBe('certificate-authority');
    expect(kind(`@cert-authority ${line('*.example')}\n${line('mw1.example', otherKey)}`)).toBe('changed');
  });

  it('[B48] asks all files: one knows the key, another revokes it', () => {
    const mine = parseKnownHosts(line('mw1.example', otherKey), 'mine');
    const system = parseKnownHosts(`\n${line('mw1.example')}`, 'system');
    const revocations = parseKnownHosts(`@revoked ${line('*')}`, 'revocations');
    expect(judgeHostKey([mine, system], host, key)).toEqual({ kind: 'known' });
    expect(judgeHostKey([mine, system, revocations], host, key)).toEqual({
      kind: 'revoked',
      source: 'revocations',
      line: 1,
    });
    expect(judgeHostKey([mine, system], host, ed25519Key(3))).toEqual({
      kind: 'changed',
      recorded: [recorded(otherKey, 1, 'mine'), recorded(key, 2, 'system')],
    });
    expect(judgeHostKey([], host, key)).toEqual({ kind: 'unknown' });
  });

  it('[B48] does not take the key of the bare name for another port', () => {
    expect(kind(line('mw1.example'), key, { host: 'mw1.example', port: 2222 })).toBe('unknown');
    expect(kind(line('[mw1.example]:2222'), key, { host: 'mw1.example', port: 2222 })).toBe('known');
    expect(kind(line('[mw1.example]:2222'), key, { host: 'mw1.example', port: 2223 })).toBe('unknown');
  });

  it.each([
    Buffer.alloc(0),
    Buffer.from('ssh-ed25519'),
    key.subarray(0, -1),
    Buffer.concat([key, Buffer.from([0])]),
    key.subarray(0, 15),
  ])('refuses what is no public key (%#)', (shown) => {
    expect(() => judge(line('*'), shown)).toThrow(expect.objectContaining({ code: 'protocol_violation' }));
  });

  it('takes no long time for a pattern made to take long', () => {
    const text = line(`${'*a'.repeat(400)}*b`);
    expect(kind(text, key, { host: 'a'.repeat(10_000), port: 22 })).toBe('unknown');
  });
});

describe('parseKnownHosts()', () => {
  const base64 = key.toString('base64');

  it('keeps marker, type, key, line and source', () => {
    const text = `# a comment\r\n\r\n  \t\n \t${line('*')} a comment\r\n@revoked ${line('*', rsaKey(1))}`;
    const parsed = parseKnownHosts(text, '/etc/ssh/known');
    expect(parsed.brokenLines).toBe(0);
    expect(entriesFor([parsed], host)).toEqual([
      { type: 'ssh-ed25519', key, line: 4, source: '/etc/ssh/known' },
      { marker: 'revoked', type: 'ssh-rsa', key: rsaKey(1), line: 5, source: '/etc/ssh/known' },
    ]);
  });

  it.each([
    ['no key', '* ssh-ed25519'],
    ['no type', `* ${base64}`],
    ['names alone', '*'],
    ['an unknown marker', `@trusted * ssh-ed25519 ${base64}`],
    ['two markers', `@revoked @cert-authority * ssh-ed25519 ${base64}`],
    ['a marker for a name', `@revoked @* ssh-ed25519 ${base64}`],
    ['a marker alone', '@revoked'],
    ['another type than the key', `* ssh-rsa ${base64}`],
    ['a key cut short', `* ssh-ed25519 ${base64.slice(0, -4)}`],
    ['a key without its padding', `* ecdsa-sha2-nistp256 ${ecdsaKey(1).toString('base64').replace(/=+$/, '')}`],
    ['a key with a stray character', `* ssh-ed25519 -${base64}`],
    ['a commented key', `* # ssh-ed25519 ${base64}`],
    ['a key of SSH 1', '* 1024 35 1234567890'],
    ['a hash without a salt', `|1||AAAAAAAAAAAAAAAAAAAAAAAAAAA= ssh-ed25519 ${base64}`],
    ['a hash of another kind', `|2|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAAAAAAAAAAAAAAAAAAAAAAAAA= ssh-ed25519 ${base64}`],
    ['a name OpenSSH finds too long', `*,${'a'.repeat(1023)} ssh-ed25519 ${base64}`],
    ['a merge conflict', '<<<<<<< HEAD'],
  ])('leaves out and counts a line with %s', (_what, broken) => {
    const parsed = parseKnownHosts(`${broken}\n${line('mw1.example')}\n`, 'f');
    expect(parsed.brokenLines).toBe(1);
    expect(entriesFor([parsed], host).map((entry) => entry.line)).toEqual([2]);
  });
});

describe('knownKeyTypes()', () => {
  it('[B48] lists each type once, in the order of the files, without markers', () => {
    const first = [
      `@cert-authority ${line('*', ecdsaKey(1))}`,
      line('mw1.example', rsaKey(1)),
      line('mw2.example', ecdsaKey(2)),
      line('*.example', rsaKey(2)),
    ];
    const files = [parseKnownHosts(first.join('\n'), 'a'), parseKnownHosts(line('mw1.example'), 'b')];
    expect(knownKeyTypes(files, host)).toEqual(['ssh-rsa', 'ssh-ed25519']);
    expect(knownKeyTypes(files, { host: 'mw2.example', port: 22 })).toEqual(['ecdsa-sha2-nistp256', 'ssh-rsa']);
    expect(knownKeyTypes(files, { host: 'mw1.example', port: 23 })).toEqual([]);
  });

  it('reads the name of an RSA signature as RSA', () => {
    const file = parseKnownHosts(`* rsa-sha2-512 ${rsaKey(1).toString('base64')}`, 'f');
    expect(knownKeyTypes([file], host)).toEqual(['ssh-rsa']);
  });
});

describe('formatKnownHostsLine()', () => {
  it.each([
    ['mw1.example', 22, 'mw1.example'],
    ['MW1.Example', 22, 'mw1.example'],
    ['mw1.example', 2222, '[mw1.example]:2222'],
    ['10.0.0.1', 2222, '[10.0.0.1]:2222'],
    ['fe80::1%eth0', 22, 'fe80::1%eth0'],
    ['fe80::1%eth0', 2222, '[fe80::1%eth0]:2222'],
  ])('%s, port %i', (name, port, expected) => {
    const formatted = formatKnownHostsLine({ host: name, port }, key);
    expect(formatted).toBe(`${expected} ssh-ed25519 ${key.toString('base64')}`);
    expect(kind(formatted, key, { host: name, port })).toBe('known');
  });

  it.each(['', '*', 'a?', '!a', '|1|a', '#a', '@revoked', 'a b', 'a\tb', 'a\nb', 'a,b', '[a]', 'a\0', 'a\u2028b'])(
    'refuses the name %j',
    (name) => {
      expect(() => formatKnownHostsLine({ host: name, port: 22 }, key)).toThrow(
        expect.objectContaining({ code: 'usage' }),
      );
    },
  );
});
