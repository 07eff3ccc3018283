import { type BytePath, compareBytes } from '../core/byte-path.ts';
import { gitMode } from '../core/manifest.ts';
import type { Sha } from '../core/sha.ts';

/** One entry of a git tree object. */
export interface TreeEntry {
  /** A single name, no slash. */
  readonly name: BytePath;
  readonly mode: number;
  readonly oid: Sha;
}

/** Encodes a tree object's content. Entries may come in any order; git's is established here. */
export function encodeTree(entries: readonly TreeEntry[]): Buffer {
  const sorted = [...entries].sort((a, b) => compareBytes(sortKey(a), sortKey(b)));
  return Buffer.concat(
    sorted.flatMap(({ name, mode, oid }) => [
      Buffer.from(`${mode.toString(8)} ${name}\0`, 'latin1'),
      Buffer.from(oid, 'hex'),
    ]),
  );
}

/** Decodes a tree object's content. */
export function decodeTree(content: Buffer): TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const end = content.indexOf(0, space);
    entries.push({
      mode: Number.parseInt(content.toString('latin1', at, space), 8),
      name: content.toString('latin1', space + 1, end),
      oid: content.toString('hex', end + 1, end + 21) as Sha,
    });
    at = end + 21;
  }
  return entries;
}

/** Git orders a directory as if its name ended in a slash. */
function sortKey({ name, mode }: TreeEntry): string {
  return mode === gitMode.directory ? `${name}/` : name;
}
