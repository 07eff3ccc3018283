import { createIndexBuilder } from '../../git/index-builder.ts';
import type { TargetContext } from '../context.ts';
import { noteOfTree } from '../stat-check.ts';
import { listEntries, type RevisionSource, type TargetEntry } from './revision-source.ts';
import { createTreeMaker } from './tree-maker.ts';

/** A revision made in a work directory: what the index and the marker need to say. */
export interface MadeTree {
  readonly index: Buffer;
  readonly files: number;
  readonly bytes: number;
}

/** So many files at a time: memory stays flat however large the tree is. */
const batchSize = 8192;

/** Makes the whole revision below `root` from the repository alone. */
export async function makeByArchive(context: TargetContext, source: RevisionSource, root: string): Promise<MadeTree> {
  const maker = createTreeMaker(root, context.git, context.signal);
  const index = createIndexBuilder();
  let bytes = 0;
  for await (const batch of batches(listEntries(context.git, source))) {
    await maker.write(batch, ({ path, mode, oid }, stat) => {
      index.add(path, mode, oid, stat);
      bytes += stat.size;
    });
    context.notify({ kind: 'progress', step: 'write', unit: 'files', done: index.count, total: source.times.length });
  }
  maker.finish(source.manifest);
  return { files: index.count, bytes, index: index.finish(noteOfTree(root, maker.directories)) };
}

async function* batches(entries: AsyncIterable<TargetEntry>): AsyncGenerator<TargetEntry[]> {
  let batch: TargetEntry[] = [];
  for await (const entry of entries) {
    batch.push(entry);
    if (batch.length < batchSize) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
