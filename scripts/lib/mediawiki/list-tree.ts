import { createHash } from 'node:crypto';
import { lstatSync, opendirSync, readFileSync, readlinkSync } from 'node:fs';

/** One entry of a tree: what must be equal on a target. */
export interface TreeEntry {
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  /** Permission bits and set-id bits; 0 for links, which have none. */
  readonly mode: number;
  /** SHA-256 of a file's bytes or of a link's target, in hex. */
  readonly hash: string;
  readonly sizeBytes: number;
}

/** Entries by path relative to the root, bytes as latin1. The root itself is `.`. */
export type TreeListing = ReadonlyMap<string, TreeEntry>;

/**
 * Lists and hashes everything below a root, independently of the program under test: every byte is read.
 *
 * @param isLeftOut whether a path (latin1) is passed over, with everything below it.
 */
export function listTree(root: string, isLeftOut: (path: string) => boolean): TreeListing {
  const listing = new Map<string, TreeEntry>();
  const base = Buffer.from(`${root}/`);
  const visit = (below: string) => {
    const directory = below === '.' ? base : Buffer.concat([base, Buffer.from(below, 'latin1')]);
    listing.set(below, { kind: 'directory', mode: lstatSync(directory).mode & 0o7777, hash: '', sizeBytes: 0 });
    for (const name of readNames(directory)) {
      const path = below === '.' ? name : `${below}/${name}`;
      if (isLeftOut(path)) continue;
      const absolute = Buffer.concat([base, Buffer.from(path, 'latin1')]);
      const stat = lstatSync(absolute);
      if (stat.isDirectory()) visit(path);
      else listing.set(path, readEntry(absolute, stat));
    }
  };
  visit('.');
  return listing;
}

/** What a target must hold of a staging tree: nothing more permissive than 0644, or 0755 for what the owner may execute. */
export function toExpected(staging: TreeListing): TreeListing {
  const expected = new Map<string, TreeEntry>();
  for (const [path, entry] of staging) {
    const allowed = entry.kind === 'directory' || (entry.mode & 0o100) !== 0 ? 0o755 : 0o644;
    expected.set(path, { ...entry, mode: entry.mode & allowed });
  }
  return expected;
}

function readNames(directory: Buffer): string[] {
  const names: string[] = [];
  // The types of Node 20 do not know that names can come as latin1.
  const opened = opendirSync(directory as unknown as string, { encoding: 'latin1' });
  for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) names.push(entry.name);
  opened.closeSync();
  return names.sort();
}

function readEntry(path: Buffer, stat: ReturnType<typeof lstatSync>): TreeEntry {
  const mode = Number(stat?.mode) & 0o7777;
  if (stat?.isSymbolicLink() === true) {
    const target = readlinkSync(path, { encoding: 'buffer' });
    return { kind: 'link', mode: 0, hash: sha256(target), sizeBytes: target.length };
  }
  if (stat?.isFile() !== true) return { kind: 'other', mode, hash: '', sizeBytes: 0 };
  const bytes = readFileSync(path);
  return { kind: 'file', mode, hash: sha256(bytes), sizeBytes: bytes.length };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
