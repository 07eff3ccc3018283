import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ScapError } from '../../../src/core/errors.ts';
import {
  decodeManifest,
  emptyManifest,
  encodeManifest,
  graftManifest,
  type Manifest,
  targetDirectoryMode,
  targetFileMode,
} from '../../../src/core/manifest.ts';

function manifest(emptyDirectories: readonly string[], modes: Readonly<Record<string, number>> = {}): Manifest {
  return { emptyDirectories: new Set(emptyDirectories), modes: new Map(Object.entries(modes)) };
}

describe('the rule for modes', () => {
  it.each([
    [0o644, 0o644],
    [0o664, 0o644],
    [0o666, 0o644],
    [0o640, 0o640],
    [0o600, 0o600],
    [0o444, 0o444],
    [0o400, 0o400],
    [0o000, 0o000],
    [0o755, 0o755],
    [0o775, 0o755],
    [0o777, 0o755],
    [0o750, 0o750],
    [0o700, 0o700],
    [0o555, 0o555],
    [0o500, 0o500],
    // Only the owner's x makes an executable; git knows no other.
    [0o655, 0o644],
    [0o4755, 0o755],
    [0o2755, 0o755],
    [0o6711, 0o711],
    [0o1644, 0o644],
  ])('[B4] a file of mode %o has %o on a target', (staging, target) => {
    expect(targetFileMode(0o100000 | staging)).toBe(target);
  });

  it.each([
    [0o755, 0o755],
    [0o775, 0o755],
    [0o777, 0o755],
    [0o1777, 0o755],
    [0o2775, 0o755],
    [0o750, 0o750],
    [0o700, 0o700],
    [0o555, 0o555],
  ])('[B4] a directory of mode %o has %o on a target', (staging, target) => {
    expect(targetDirectoryMode(0o040000 | staging)).toBe(target);
  });

  it('[I1] nothing is ever more permissive than in staging', () => {
    for (let bits = 0; bits < 0o10000; bits++) {
      expect(targetFileMode(0o100000 | bits) & ~bits).toBe(0);
      expect(targetDirectoryMode(0o040000 | bits) & ~bits).toBe(0);
    }
  });
});

describe('encodeManifest()', () => {
  it('says nothing when there is nothing to say', () => {
    expect(encodeManifest(emptyManifest)).toBeUndefined();
    expect(decodeManifest(undefined)).toEqual(emptyManifest);
  });

  it('[I2] writes the same bytes, in whatever order things were found', () => {
    const found = manifest(['b', 'a', 'ü'], { z: 0o600, '1': 0o640, a: 0o700 });
    const otherwise = manifest(['ü', 'a', 'b'], { a: 0o700, '1': 0o640, z: 0o600 });
    expect(encodeManifest(found)?.toString()).toBe(encodeManifest(otherwise)?.toString());
  });

  it('[B4][B5] gives back every path and every mode', () => {
    const name = fc
      .uint8Array({ min: 1, max: 255, minLength: 1, maxLength: 8 })
      .map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll('/', '_'))
      .filter((text) => text !== '.' && text !== '..');
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
    const modes = fc.array(fc.tuple(path, fc.integer({ min: 0, max: 0o777 }))).map((pairs) => new Map(pairs));
    const anyManifest = fc.record({ emptyDirectories: fc.array(path).map((paths) => new Set(paths)), modes });
    fc.assert(
      fc.property(anyManifest, (wanted) => {
        expect(decodeManifest(encodeManifest(wanted))).toEqual(wanted);
      }),
    );
  });

  it('[B5] is not confused by names that mean something to JavaScript', () => {
    const wanted: Manifest = {
      emptyDirectories: new Set(['__proto__', 'constructor']),
      modes: new Map([
        ['__proto__', 0o600],
        ['toString', 0o700],
        ['', 0o750],
      ]),
    };
    expect(decodeManifest(encodeManifest(wanted))).toEqual(wanted);
  });
});

describe('decodeManifest()', () => {
  it.each([
    ['no JSON', 'not json'],
    ['another version', '{"version":2,"emptyDirectories":[],"modes":{}}'],
    ['no list', '{"version":1,"emptyDirectories":{},"modes":{}}'],
    ['null', 'null'],
    ['a way out', '{"version":1,"emptyDirectories":["a/../../etc"],"modes":{}}'],
    ['an absolute path', '{"version":1,"emptyDirectories":["/etc"],"modes":{}}'],
    ['an encoded way out', '{"version":1,"emptyDirectories":["%2E%2E/x"],"modes":{}}'],
    ['an encoded NUL', '{"version":1,"emptyDirectories":["a%00"],"modes":{}}'],
    ['the root as an empty directory', '{"version":1,"emptyDirectories":[""],"modes":{}}'],
    ['set-id bits', '{"version":1,"emptyDirectories":[],"modes":{"a":"4755"}}'],
    ['a number for bits', '{"version":1,"emptyDirectories":[],"modes":{"a":420}}'],
    ['a way out among the modes', '{"version":1,"emptyDirectories":[],"modes":{"../a":"0600"}}'],
  ])('refuses %s: a revision is untrusted until parsed', (_, text) => {
    expect(() => decodeManifest(Buffer.from(text))).toThrow(ScapError);
  });
});

describe('graftManifest()', () => {
  it('[B8] takes what lies in the scope from staging and everything else from what is live', () => {
    const live = manifest(['a/old', 'b/old'], { 'a/f': 0o600, 'b/f': 0o600 });
    const staging = manifest(['a/new', 'b/new'], { 'a/f': 0o640, 'b/f': 0o640, 'b/g': 0o400 });
    expect(graftManifest(live, staging, ['b'])).toEqual(
      manifest(['a/old', 'b/new'], { 'a/f': 0o600, 'b/f': 0o640, 'b/g': 0o400 }),
    );
  });

  it('[B8] does not take a neighbour whose name only begins the same', () => {
    const live = manifest(['ab']);
    expect(graftManifest(live, emptyManifest, ['a'])).toEqual(live);
  });
});
