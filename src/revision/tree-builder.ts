import type { BytePath } from '../core/byte-path.ts';
import { gitMode } from '../core/manifest.ts';
import type { Sha } from '../core/sha.ts';
import { emptyTreeId, objectId } from '../git/object-id.ts';
import { decodeTree, encodeTree, type TreeEntry } from '../git/tree-object.ts';

/** What a path becomes; `undefined` removes it. */
export interface TreeEdit {
  readonly path: BytePath;
  readonly new: { readonly mode: number; readonly oid: Sha } | undefined;
}

export interface BuiltTree {
  readonly root: Sha;
  /** Content of every tree object made; some may exist already. Children come before their parents. */
  readonly made: readonly Buffer[];
}

/**
 * Applies edits of files to a tree and returns the trees that result.
 *
 * Reads and makes only the directories on the way to an edit: the cost is that of the change, not of the tree. A directory that loses
 * its last file disappears, as git has it. `readTree` is asked for trees of the base only.
 */
export async function buildTree(
  edits: readonly TreeEdit[],
  base: Sha | undefined,
  readTree: (oid: Sha) => Promise<Buffer>,
): Promise<BuiltTree> {
  const made: Buffer[] = [];
  /** Builds one directory; `from` is where its edits' paths go on. */
  const build = async (
    level: readonly TreeEdit[],
    from: number,
    baseTree: Sha | undefined,
  ): Promise<Sha | undefined> => {
    const entries = new Map<BytePath, TreeEntry>();
    if (baseTree !== undefined)
      for (const entry of decodeTree(await readTree(baseTree))) entries.set(entry.name, entry);
    for (const [name, group] of groupByName(level, from)) {
      const result = await resolve(group, from + name.length + 1, entries.get(name));
      if (result === undefined) entries.delete(name);
      else entries.set(name, { name, mode: result.mode, oid: result.oid });
    }
    if (entries.size === 0) return undefined;
    const content = encodeTree([...entries.values()]);
    made.push(content);
    return objectId('tree', content);
  };
  /** What one name becomes, given what stood there. A file wins over what is left of a directory of that name. */
  const resolve = async ({ direct, nested }: Group, from: number, old: TreeEntry | undefined) => {
    const oldTree = old?.mode === gitMode.directory ? old.oid : undefined;
    if (nested.length === 0) return direct?.new ?? (direct !== undefined && oldTree === undefined ? undefined : old);
    const oid = await build(nested, from, oldTree);
    return direct?.new ?? (oid === undefined ? undefined : { mode: gitMode.directory, oid });
  };
  const root = await build(edits, 0, base);
  return { root: root ?? emptyTreeId, made: root === undefined ? [...made, Buffer.alloc(0)] : made };
}

interface Group {
  direct: TreeEdit | undefined;
  readonly nested: TreeEdit[];
}

function groupByName(level: readonly TreeEdit[], from: number): Map<BytePath, Group> {
  const groups = new Map<BytePath, Group>();
  for (const edit of level) {
    const slash = edit.path.indexOf('/', from);
    const name = slash < 0 ? edit.path.slice(from) : edit.path.slice(from, slash);
    const group = groups.get(name) ?? { direct: undefined, nested: [] };
    groups.set(name, group);
    if (slash < 0) group.direct = edit;
    else group.nested.push(edit);
  }
  return groups;
}
