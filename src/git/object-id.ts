import { createHash, hash } from 'node:crypto';
import type { Sha } from '../core/sha.ts';

export type ObjectType = 'blob' | 'tree' | 'commit';

/** The id git gives this content. */
export function objectId(type: ObjectType, content: Buffer): Sha {
  const header = Buffer.from(`${type} ${content.length}\0`, 'latin1');
  // One-shot hashing is twice as fast for small content but needs it in one piece; large content is not worth copying.
  if (content.length <= 65_536) return hash('sha1', Buffer.concat([header, content]), 'hex') as Sha;
  return createHash('sha1').update(header).update(content).digest('hex') as Sha;
}

/** Computes the id of content that arrives in pieces, of which only the size is known beforehand. */
export function createObjectHash(type: ObjectType, sizeBytes: number): { update(piece: Buffer): void; digest(): Sha } {
  const sha1 = createHash('sha1').update(`${type} ${sizeBytes}\0`);
  return {
    update: (piece) => {
      sha1.update(piece);
    },
    digest: () => sha1.digest('hex') as Sha,
  };
}

/** The id of the tree without entries. */
export const emptyTreeId = '4b825dc642cb6eb9a060e54bf8d69288fbee4904' as Sha;
/** The id of the blob without content. */
export const emptyBlobId = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391' as Sha;
