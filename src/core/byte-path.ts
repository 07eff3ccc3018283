/**
 * File names are bytes, not text. Inside scap a path is a string in which every UTF-16 unit is one byte (latin1).
 *
 * That keeps names that are not UTF-8 exact, makes `<` the byte order git sorts by, and costs nothing for ASCII. It must be
 * converted at the two borders: {@link toFsPath} towards the file system, {@link toDisplayPath} towards people.
 */

/** A path relative to a tree's root, `/`-separated, one code unit a byte. The root itself is the empty string. */
export type BytePath = string;

/** Converts to what `node:fs` takes: the string itself when it is ASCII, its bytes otherwise. */
export function toFsPath(path: BytePath): string | Buffer {
  return isAscii(path) ? path : Buffer.from(path, 'latin1');
}

/** Converts text (a configured pattern, an argument of the command line) to a byte path. */
export function fromText(text: string): BytePath {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** Converts to text that is safe to print: UTF-8 where it is valid, `\xNN` for other bytes and for control characters. */
export function toDisplayPath(path: BytePath): string {
  return decode(
    path,
    (byte) => `\\x${byte.toString(16).padStart(2, '0')}`,
    /\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u,
  );
}

/**
 * Converts to text that {@link fromEncodedPath} turns back into the same bytes: UTF-8 where it is valid, `%NN` for other bytes,
 * control characters and `%` itself. Used wherever a path is stored as JSON.
 */
export function toEncodedPath(path: BytePath): string {
  return decode(path, (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`, /\p{Cc}|%/u);
}

/** The inverse of {@link toEncodedPath}. */
export function fromEncodedPath(text: string): BytePath {
  return fromText(text).replace(/%([0-9A-F]{2})/g, (_match, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** The directory part: `a/b/c` → `a/b`, `a` → the empty string. */
export function parentPath(path: BytePath): BytePath {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

/** Joins a directory (may be the root, the empty string) and a name. */
export function joinPath(directory: BytePath, name: BytePath): BytePath {
  return directory === '' ? name : `${directory}/${name}`;
}

/** Tells whether `path` is `directory` or lies below it. Everything lies below the root. */
export function isWithin(path: BytePath, directory: BytePath): boolean {
  return directory === '' || path === directory || (path.startsWith(directory) && path[directory.length] === '/');
}

/** Orders paths as git's index does: by their bytes. */
export function compareBytes(a: BytePath, b: BytePath): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is the definition of ASCII
  return !/[^\x00-\x7f]/.test(text);
}

/** Decodes UTF-8 sequence by sequence; `escapeByte` gets every byte that is invalid or belongs to a character `special` matches. */
function decode(path: BytePath, escapeByte: (byte: number) => string, special: RegExp): string {
  let text = '';
  for (let at = 0; at < path.length; ) {
    const length = utf8Length(path, at);
    const bytes = path.slice(at, at + Math.max(length, 1));
    const character = length === 0 ? '' : Buffer.from(bytes, 'latin1').toString('utf8');
    const plain = length > 0 && !character.includes('\ufffd') && !special.test(character);
    text += plain ? character : Array.from(bytes, (unit) => escapeByte(unit.charCodeAt(0))).join('');
    at += bytes.length;
  }
  return text;
}

/** Length of the well-formed UTF-8 sequence at `at`, or 0. Overlong forms and surrogates decode to U+FFFD and are caught there. */
function utf8Length(path: BytePath, at: number): number {
  const lead = path.charCodeAt(at);
  const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  for (let i = 1; i < length; i++) {
    if ((path.charCodeAt(at + i) & 0xc0) !== 0x80) return 0;
  }
  return length;
}
