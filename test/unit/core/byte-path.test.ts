import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareBytes,
  fromEncodedPath,
  fromText,
  isWithin,
  joinPath,
  parentPath,
  toDisplayPath,
  toEncodedPath,
  toFsPath,
} from '../../../src/core/byte-path.ts';

/** Any name: every code unit is one byte. */
const anyBytes = fc
  .uint8Array({ min: 1, max: 255, minLength: 1, maxLength: 40 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'));

describe('toFsPath()', () => {
  it('[B5] gives the file system the bytes of the name, whatever they are', () => {
    expect(toFsPath('plain')).toBe('plain');
    expect(toFsPath('\xff\xfe')).toEqual(Buffer.from([0xff, 0xfe]));
    expect(toFsPath(fromText('ü'))).toEqual(Buffer.from([0xc3, 0xbc]));
  });
});

describe('toEncodedPath()', () => {
  it.each([
    ['plain/path.php', 'plain/path.php'],
    [fromText('grüße/日本'), 'grüße/日本'],
    [fromText('😀'), '😀'],
    ['100%', '100%25'],
    ['%41', '%2541'],
    ['a\nb\tc', 'a%0Ab%09c'],
    ['\xff\xfe', '%FF%FE'],
    // Latin-1 "ü", an overlong slash, half of a surrogate pair, a lead byte at the end, a real U+FFFD.
    ['\xfc.php', '%FC.php'],
    ['\xc0\xaf', '%C0%AF'],
    ['\xed\xa0\x80', '%ED%A0%80'],
    ['a\xe2\x82', 'a%E2%82'],
    ['\xef\xbf\xbd', '%EF%BF%BD'],
    ['\xc2\x85', '%C2%85'],
    ['\x7f', '%7F'],
  ])('writes %j as %j', (path, text) => {
    expect(toEncodedPath(path)).toBe(text);
    expect(fromEncodedPath(text)).toBe(path);
  });

  it('[B5] can be turned back for any bytes, and survives JSON', () => {
    fc.assert(
      fc.property(anyBytes, (path) => {
        expect(fromEncodedPath(JSON.parse(JSON.stringify(toEncodedPath(path))) as string)).toBe(path);
      }),
    );
  });
});

describe('toDisplayPath()', () => {
  it.each([
    [fromText('grüße 日本'), 'grüße 日本'],
    ['a\nb', 'a\\x0ab'],
    ['\x1b[31mred', '\\x1b[31mred'],
    ['\xff', '\\xff'],
    // A right-to-left override would let "gpj.exe" pass for "exe.jpg"; a line separator would break a line.
    [fromText('a\u202eb'), 'a\\xe2\\x80\\xaeb'],
    [fromText('a\u2028b'), 'a\\xe2\\x80\\xa8b'],
  ])('shows %j as %j', (path, text) => {
    expect(toDisplayPath(path)).toBe(text);
  });

  it('never prints a control character', () => {
    fc.assert(fc.property(anyBytes, (path) => !/\p{Cc}/u.test(toDisplayPath(path))));
  });
});

describe('compareBytes()', () => {
  it('orders as the bytes do', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(
          Math.sign(Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))),
        );
      }),
    );
  });

  it('puts a character outside of the BMP behind one at its end, which JavaScript does not', () => {
    expect(compareBytes(fromText('😀'), fromText('\uffee'))).toBe(1);
    expect('😀' < '\uffee').toBe(true);
  });
});

describe('isWithin()', () => {
  it.each([
    ['a/b', 'a', true],
    ['a', 'a', true],
    ['ab', 'a', false],
    ['a', 'a/b', false],
    ['anything', '', true],
    ['', '', true],
    ['', 'a', false],
  ])('%j in %j is %j', (path, directory, expected) => {
    expect(isWithin(path, directory)).toBe(expected);
  });
});

it('parentPath() and joinPath() take a path apart and together', () => {
  expect(parentPath('a/b/c')).toBe('a/b');
  expect(parentPath('a')).toBe('');
  expect(joinPath('', 'a')).toBe('a');
  expect(joinPath('a/b', 'c')).toBe('a/b/c');
});
