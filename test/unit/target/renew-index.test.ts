import { describe, expect, it } from 'vitest';
import { gitMode } from '../../../src/core/manifest.ts';
import { createIndexBuilder } from '../../../src/git/index-builder.ts';
import { createIndexCursor, parseIndex, type StatData, unknownStat } from '../../../src/git/index-file.ts';
import type { LinkBase } from '../../../src/target/materialise/link.ts';
import { renewIndex } from '../../../src/target/spare.ts';
import { sha } from '../../support/deploy-facts.ts';

const stat = (ino: number, ctimeS: number): StatData => ({ ...unknownStat, ino, ctimeS, mtimeS: 5, size: 3 });

function indexOf(files: Readonly<Record<string, StatData>>) {
  const builder = createIndexBuilder();
  for (const [path, data] of Object.entries(files)) builder.add(path, gitMode.file, sha('a'), data);
  return parseIndex(builder.finish());
}

describe('renewIndex()', () => {
  it('takes over what links moved, leaves files of its own, and does not vouch for a file that is not as it should be', () => {
    const index = indexOf({ drifted: stat(1, 10), own: stat(2, 10), shared: stat(3, 10) });
    const linked = indexOf({ drifted: stat(9, 99), own: stat(8, 99), shared: stat(3, 99) });
    const base = { index, drifted: new Set(['drifted']) } as Partial<LinkBase> as LinkBase;
    const cursor = createIndexCursor(parseIndex(renewIndex(base, linked)));
    const renewed: [string, number, number][] = [];
    for (; !cursor.done; cursor.advance()) renewed.push([cursor.path, cursor.stat.ino, cursor.stat.ctimeS]);
    expect(renewed).toEqual([
      ['drifted', unknownStat.ino, unknownStat.ctimeS],
      ['own', 2, 10],
      ['shared', 3, 99],
    ]);
  });
});
