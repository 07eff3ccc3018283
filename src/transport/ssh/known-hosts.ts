/**
 * Host keys on record, in the format of OpenSSH's `known_hosts` (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): text in, verdict out.
 *
 * The rules are those of OpenSSH 9, with these decisions of our own, all of which refuse more:
 * - A key on record for the bare name does not vouch for another port. `ssh` falls back to it.
 * - A marker may be followed by a tab. OpenSSH ignores such a line when a space follows later, and with it a revocation.
 * - There are no certificates: a host known only by its authority gets a verdict of its own.
 * As in OpenSSH, a key of a type not on record, while keys of other types are, counts as changed: whoever sits in between could
 * otherwise pass for a new host by offering another type.
 */
import { createHash, createHmac } from 'node:crypto';
import { ScapError } from '../../core/errors.ts';

export interface KnownHostsEntry {
  readonly marker?: 'revoked' | 'cert-authority';
  /** As the key itself says: `ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-nistp256` … */
  readonly type: string;
  /** The public key as it goes over the wire. */
  readonly key: Buffer;
  /** Counted from 1. */
  readonly line: number;
  /** The file, as given to {@link parseKnownHosts}. */
  readonly source: string;
}

/** The content of one file; made by {@link parseKnownHosts}. */
export interface KnownHosts {
  readonly source: string;
  readonly records: readonly KnownHostsRecord[];
  /** How many lines are neither a record, nor blank, nor a comment. */
  readonly brokenLines: number;
}

export interface KnownHostsRecord {
  readonly entry: KnownHostsEntry;
  readonly names: HostNames;
}

/** Which hosts a line speaks of. */
export type HostNames =
  | { readonly kind: 'hashed'; readonly salt: Buffer; readonly hash: Buffer }
  | { readonly kind: 'patterns'; readonly patterns: readonly { readonly negated: boolean; readonly glob: string }[] };

export interface HostAddress {
  /** The name as typed, or an IP address without brackets. For a `HostKeyAlias` the alias, and port 22: an alias has no port. */
  readonly host: string;
  readonly port: number;
}

export interface RecordedKey {
  readonly type: string;
  readonly fingerprint: string;
  readonly source: string;
  readonly line: number;
}

export type HostKeyVerdict =
  | { readonly kind: 'known' }
  /** Nothing is on record for the host. */
  | { readonly kind: 'unknown' }
  /** Other keys are on record: those of the key's type or, when there are none, all of them. Never empty. */
  | { readonly kind: 'changed'; readonly recorded: readonly RecordedKey[] }
  | { readonly kind: 'revoked'; readonly source: string; readonly line: number }
  /** Only a certificate authority is on record for the host, and certificates are not understood. */
  | { readonly kind: 'certificate-authority'; readonly source: string; readonly line: number };

/** Parses the text of one file. Never fails: lines that make no sense are left out and counted. */
export function parseKnownHosts(text: string, source: string): KnownHosts {
  const records: KnownHostsRecord[] = [];
  let brokenLines = 0;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/^[ \t]+|\r$/g, '');
    if (line === '' || line.startsWith('#')) continue;
    const record = parseLine(line, index + 1, source);
    if (record === undefined) brokenLines++;
    else records.push(record);
  }
  return { source, records, brokenLines };
}

/** Returns every entry that matches the host, revoked keys and authorities among them, in the order of the files and lines. */
export function entriesFor(files: readonly KnownHosts[], address: HostAddress): KnownHostsEntry[] {
  const name = lookupName(address);
  return files.flatMap(({ records }) => records.filter(({ names }) => matches(names, name)).map(({ entry }) => entry));
}

/**
 * Returns the types of the keys on record for the host, each once, in the order of the files. The negotiation must ask for these first,
 * or an honest server shows a key that cannot be judged. `ssh-rsa` is a type of key: the algorithms to ask for are `rsa-sha2-512` and
 * `rsa-sha2-256`. Empty when nothing, or only an authority or revocations, is on record.
 */
export function knownKeyTypes(files: readonly KnownHosts[], address: HostAddress): string[] {
  const plain = entriesFor(files, address).filter(({ marker }) => marker === undefined);
  return [...new Set(plain.map(({ type }) => type))];
}

/**
 * Judges the key a host has shown. A revocation that matches the host wins over everything, then an equal key, wherever it stands.
 *
 * Throws `protocol_violation` when `key` is no public key.
 */
export function judgeHostKey(files: readonly KnownHosts[], address: HostAddress, key: Buffer): HostKeyVerdict {
  const type = keyType(key);
  const entries = entriesFor(files, address);
  const revoked = entries.find((entry) => entry.marker === 'revoked' && entry.key.equals(key));
  if (revoked !== undefined) return { kind: 'revoked', source: revoked.source, line: revoked.line };

  const plain = entries.filter(({ marker }) => marker === undefined);
  if (plain.some((entry) => entry.key.equals(key))) return { kind: 'known' };
  if (plain.length > 0) {
    const sameType = plain.filter((entry) => entry.type === type);
    return { kind: 'changed', recorded: (sameType.length > 0 ? sameType : plain).map(toRecordedKey) };
  }
  const authority = entries.find(({ marker }) => marker === 'cert-authority');
  if (authority === undefined) return { kind: 'unknown' };
  return { kind: 'certificate-authority', source: authority.source, line: authority.line };
}

/** Returns the fingerprint as `ssh-keygen -l` prints it: `SHA256:` and base64 without padding. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** Returns the type a public key says it has. Throws `protocol_violation` when `key` is no public key. */
export function keyType(key: Buffer): string {
  const type = readKeyType(key);
  if (type !== undefined) return type;
  throw new ScapError('protocol_violation', `Cannot read a host key of ${key.length} bytes: it is no SSH public key`);
}

/**
 * Returns the line that puts the key on record, without a line end: `name type base64` or `[name]:port type base64`.
 *
 * Throws `usage` when the name would mean something else in the file (a wildcard, a list, a second line), `protocol_violation` when
 * `key` is no public key.
 */
export function formatKnownHostsLine(address: HostAddress, key: Buffer): string {
  if (!/^[^\s\p{C},*?[\]!|#@][^\s\p{C},*?[\]]*$/u.test(address.host))
    throw new ScapError(
      'usage',
      `Cannot record a host key for ${JSON.stringify(address.host)}: the name has a meaning of its own in known_hosts`,
      { hint: 'Use the name or the address of one host' },
    );
  return `${lookupName(address)} ${keyType(key)} ${key.toString('base64')}`;
}

/** `[marker] names type base64 [comment]`, separated by spaces and tabs. */
function parseLine(line: string, number: number, source: string): KnownHostsRecord | undefined {
  const fields = line.split(/[ \t]+/);
  const marker = fields[0]?.startsWith('@') ? fields.shift() : undefined;
  if (marker !== undefined && marker !== '@revoked' && marker !== '@cert-authority') return undefined;
  const names = parseNames(fields[0] ?? '');
  const key = parseKey(fields[1] ?? '', fields[2] ?? '');
  if (names === undefined || key === undefined) return undefined;
  const entry = { ...key, line: number, source };
  if (marker === undefined) return { names, entry };
  return { names, entry: { marker: marker === '@revoked' ? 'revoked' : 'cert-authority', ...entry } };
}

function parseNames(text: string): HostNames | undefined {
  // A second marker. OpenSSH allows one.
  if (text === '' || text.startsWith('@')) return undefined;
  if (text.startsWith('|')) return parseHashedName(text);
  const patterns = text.split(',').map((part) => {
    const negated = part.startsWith('!');
    return { negated, glob: lowerCase(negated ? part.slice(1) : part) };
  });
  // OpenSSH gives up on the whole list there.
  return patterns.some(({ glob }) => glob.length >= 1023) ? undefined : { kind: 'patterns', patterns };
}

const sha1Bytes = 20;

/** `|1|salt|hash`: one name, hidden. */
function parseHashedName(text: string): HostNames | undefined {
  const [before, version, saltText, hashText, ...more] = text.split('|');
  if (before !== '' || version !== '1' || more.length > 0) return undefined;
  const salt = parseBase64(saltText ?? '');
  const hash = parseBase64(hashText ?? '');
  if (salt?.length !== sha1Bytes || hash?.length !== sha1Bytes) return undefined;
  return { kind: 'hashed', salt, hash };
}

function parseKey(typeText: string, base64: string): { readonly type: string; readonly key: Buffer } | undefined {
  const key = parseBase64(base64);
  const type = key && readKeyType(key);
  if (key === undefined || type === undefined) return undefined;
  // OpenSSH takes the names of RSA's signatures for the name of its key.
  const named = typeText === 'rsa-sha2-256' || typeText === 'rsa-sha2-512' ? 'ssh-rsa' : typeText;
  return named === type ? { type, key } : undefined;
}

/** Strict: Node itself skips what is no base64, and a damaged key would become another. */
function parseBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** A public key is a row of strings, each after its length in four bytes, the first of them its type (RFC 4253, 6.6). */
function readKeyType(key: Buffer): string | undefined {
  let type: string | undefined;
  let strings = 0;
  for (let at = 0; at < key.length; strings++) {
    if (at + 4 > key.length) return undefined;
    const end = at + 4 + key.readUInt32BE(at);
    if (end > key.length) return undefined;
    type ??= key.toString('latin1', at + 4, end);
    at = end;
  }
  return strings > 1 && type !== undefined && /^[\x21-\x7e]+$/.test(type) ? type : undefined;
}

/** What the host is called in the file. */
function lookupName({ host, port }: HostAddress): string {
  const name = lowerCase(host);
  return port === 22 ? name : `[${name}]:${port}`;
}

/** ASCII only: the Kelvin sign is not a k. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function matches(names: HostNames, name: string): boolean {
  if (names.kind === 'hashed') return createHmac('sha1', names.salt).update(name).digest().equals(names.hash);
  const hits = names.patterns.filter(({ glob }) => matchesGlob(glob, name));
  return hits.length > 0 && !hits.some(({ negated }) => negated);
}

/** `*` is any text, `?` any one character, all else itself. Takes at most pattern × name steps, whatever the pattern. */
function matchesGlob(glob: string, name: string): boolean {
  let at = 0;
  let from = 0;
  let star: { readonly after: number; from: number } | undefined;
  while (from < name.length) {
    if (glob[at] === '*') {
      star = { after: ++at, from };
    } else if (glob[at] === '?' || glob[at] === name[from]) {
      at++;
      from++;
    } else if (star !== undefined) {
      at = star.after;
      from = ++star.from;
    } else {
      return false;
    }
  }
  return /^\**$/.test(glob.slice(at));
}

function toRecordedKey({ type, key, source, line }: KnownHostsEntry): RecordedKey {
  return { type, fingerprint: fingerprint(key), source, line };
}
