import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { createObjectHash, emptyBlobId, emptyTreeId, objectId } from '../../../src/git/object-id.ts';
import { gitLine } from '../../support/git-oracle.ts';

it.each([0, 1, 65_536, 65_537, 1_000_000])('objectId() names %i bytes as git does', (size) => {
  const content = randomBytes(size);
  expect(objectId('blob', content)).toBe(gitLine(['hash-object', '--stdin'], { input: content }));
});

it('objectId() names other types as git does', () => {
  expect(objectId('tree', Buffer.alloc(0))).toBe(emptyTreeId);
  expect(objectId('blob', Buffer.alloc(0))).toBe(emptyBlobId);
  const commit = Buffer.from(`tree ${emptyTreeId}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n`);
  expect(objectId('commit', commit)).toBe(gitLine(['hash-object', '-t', 'commit', '--stdin'], { input: commit }));
});

it('createObjectHash() comes to the same in pieces', () => {
  const content = randomBytes(100_000);
  const hash = createObjectHash('blob', content.length);
  for (let at = 0; at < content.length; at += 7001) hash.update(content.subarray(at, at + 7001));
  expect(hash.digest()).toBe(objectId('blob', content));
});
