import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Sha } from '../../../src/core/sha.ts';
import { createIndexBuilder } from '../../../src/git/index-builder.ts';
import { parseIndex, unknownStat } from '../../../src/git/index-file.ts';
import { createIndexLookup } from '../../../src/git/index-lookup.ts';

const oid = 'a'.repeat(40) as Sha;

function indexOf(paths: readonly string[]) {
  const builder = createIndexBuilder();
  for (const [at, path] of paths.entries())
    builder.add(path, 0o100644, oid, { ...unknownStat, size: at, mtimeS: at + 1 });
  return parseIndex(builder.finish());
}

const name = fc.stringMatching(/^[a-c.0\xff-]{1,3}$/).filter((text) => !/^\.{1,2}$/.test(text));
/** Paths of a tree: none is a directory of another. */
const paths = fc
  .uniqueArray(
    fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
    { maxLength: 30 },
  )
  .map((all) => all.filter((path) => !all.some((other) => other.startsWith(`${path}/`))).sort());

describe('createIndexLookup()', () => {
  it('finds what is there, and where what is not would be', () => {
    fc.assert(
      fc.property(paths, name, (all, other) => {
        const lookup = createIndexLookup(indexOf(all));
        expect(lookup.count).toBe(all.length);
        for (const [at, path] of all.entries()) {
          expect(lookup.find(path)).toBe(at);
          expect(lookup.pathOf(at)).toBe(path);
          expect([lookup.size(at), lookup.mtimeS(at), lookup.at(at).path]).toEqual([at, at + 1, path]);
        }
        expect(lookup.find(other)).toBe(all.indexOf(other));
        expect(lookup.lowerBound(other)).toBe(all.filter((path) => path < other).length);
      }),
    );
  });

  it('knows the names in each directory', () => {
    fc.assert(
      fc.property(paths, (all) => {
        const lookup = createIndexLookup(indexOf(all));
        const directories = new Set([
          '',
          ...all.flatMap((path) =>
            path
              .split('/')
              .slice(0, -1)
              .map((_, n) =>
                path
                  .split('/')
                  .slice(0, n + 1)
                  .join('/'),
              ),
          ),
        ]);
        for (const directory of directories) {
          const prefix = directory === '' ? '' : `${directory}/`;
          const names = all
            .filter((path) => path.startsWith(prefix))
            .map((path) => path.slice(prefix.length).split('/')[0]);
          expect(lookup.namesIn(directory)).toEqual(new Set(names));
        }
      }),
    );
  });

  it('hands out ranges that make the same index again', () => {
    fc.assert(
      fc.property(paths, fc.nat(30), (all, cut) => {
        const file = indexOf(all);
        const lookup = createIndexLookup(file);
        const middle = Math.min(cut, all.length);
        const builder = createIndexBuilder();
        builder.addRaw(lookup.raw(0, middle), middle);
        builder.addRaw(lookup.raw(middle, all.length), all.length - middle);
        expect(builder.finish().equals(file.bytes)).toBe(true);
      }),
    );
  });
});
