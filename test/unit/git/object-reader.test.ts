import { randomBytes } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Sha } from '../../../src/core/sha.ts';
import type { Git } from '../../../src/git/git-command.ts';
import { objectId } from '../../../src/git/object-id.ts';
import { createBatchParser, createObjectReader, readSizes, streamBlobs } from '../../../src/git/object-reader.ts';
import { openRepository } from '../../../src/git/repository.ts';
import type { StreamedProcess } from '../../../src/system/process.ts';
import { git } from '../../support/git-oracle.ts';
import { useTempDirs } from '../../support/temp-dir.ts';

const tempDir = useTempDirs();
const damaged = expect.objectContaining({ code: 'repository_damaged' });
const contents = ['', 'x', '\n', 'two\nlines\n', '', 'no line feed at the end'].map((text) => Buffer.from(text));
const oids = contents.map((content) => objectId('blob', content));

/** What `git cat-file --batch` would print. */
const stream = Buffer.concat(
  contents.flatMap((content, at) => [Buffer.from(`${oids[at]} blob ${content.length}\n`), content, Buffer.from('\n')]),
);

function createCollector() {
  const found: Buffer[][] = [];
  const ended: number[] = [];
  return {
    ended,
    contents: () => found.map((parts) => Buffer.concat(parts).toString()),
    onPiece: (at: number, piece: Buffer, _size: number, last: boolean) => {
      found[at] = [...(found[at] ?? []), Buffer.from(piece)];
      if (last) ended.push(at);
    },
  };
}

describe('createBatchParser()', () => {
  const expected = contents.map(String);

  it('finds every object however the stream is cut in two', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const sink = createCollector();
      const parser = createBatchParser(oids, sink);
      parser.push(stream.subarray(0, cut));
      parser.push(stream.subarray(cut));
      parser.finish();
      expect(sink.contents(), `cut at ${cut}`).toEqual(expected);
      expect(sink.ended, `cut at ${cut}`).toEqual([0, 1, 2, 3, 4, 5]);
    }
  });

  it('finds every object when the stream comes byte by byte', () => {
    const sink = createCollector();
    const parser = createBatchParser(oids, sink);
    for (let at = 0; at < stream.length; at++) parser.push(stream.subarray(at, at + 1));
    parser.finish();
    expect(sink.contents()).toEqual(expected);
  });

  it('refuses a stream that ends anywhere before the last object', () => {
    for (let length = 0; length < stream.length; length++) {
      const parser = createBatchParser(oids, createCollector());
      parser.push(stream.subarray(0, length));
      expect(() => parser.finish(), `${length} bytes`).toThrow(damaged);
    }
  });

  it.each([
    ['missing', `${oids[0]} missing\n`],
    ['of another type', `${oids[0]} tree 0\n\n`],
    ['another one', `${oids[1]} blob 1\nx\n`],
  ])('refuses an object that is %s', (_, text) => {
    expect(() => createBatchParser(oids, createCollector()).push(Buffer.from(text))).toThrow(damaged);
  });
});

async function makeRepository(blobs: readonly Buffer[]): Promise<Git> {
  const repository = await openRepository(join(tempDir(), 'r.git'));
  for (const input of blobs) git(['--git-dir', repository.gitDir, 'hash-object', '-w', '--stdin'], { input });
  return repository;
}

describe('streamBlobs()', () => {
  it('gives every object in the order asked for, large ones in pieces', async () => {
    const large = randomBytes(3_000_000);
    const repository = await makeRepository([...contents, large]);
    const largeId = objectId('blob', large);
    const wanted = [oids[3], largeId, oids[3], oids[0]] as Sha[];
    const sink = createCollector();
    await streamBlobs(repository, wanted, sink);
    expect(sink.ended).toEqual([0, 1, 2, 3]);
    expect(sink.contents()).toEqual(['two\nlines\n', large.toString(), 'two\nlines\n', '']);
  });

  it('takes thousands of objects without a round trip for each', async () => {
    const repository = await makeRepository(contents);
    const sink = createCollector();
    await streamBlobs(
      repository,
      Array.from({ length: 5000 }, (_, at) => oids[at % oids.length] as Sha),
      sink,
    );
    expect(sink.ended).toHaveLength(5000);
  });

  it('[B21] fails naming the object that is missing', async () => {
    const repository = await makeRepository(contents);
    const missing = '1'.repeat(40) as Sha;
    await expect(streamBlobs(repository, [oids[1] as Sha, missing], createCollector())).rejects.toMatchObject({
      code: 'repository_damaged',
      message: expect.stringContaining(missing) as string,
    });
  });

  it('hands on what the receiver throws', async () => {
    const repository = await makeRepository(contents);
    const failure = new Error('disk full');
    const onPiece = () => {
      throw failure;
    };
    await expect(streamBlobs(repository, oids, { onPiece })).rejects.toBe(failure);
  });
});

describe('createObjectReader()', () => {
  it('reads objects of any size and type, one after the other', async () => {
    const large = randomBytes(300_000);
    const repository = await makeRepository([large, ...contents]);
    const reader = createObjectReader(repository);
    onTestFinished(reader.close);
    expect((await reader.read(objectId('blob', large)))?.content.equals(large)).toBe(true);
    const read = await Promise.all(oids.map((oid) => reader.read(oid)));
    expect(read.map((found) => [found?.oid, found?.type, found?.content.toString()])).toEqual(
      oids.map((oid, at) => [oid, 'blob', String(contents[at])]),
    );
  });

  it('says that there is no such thing, and goes on', async () => {
    const repository = await makeRepository(contents);
    const reader = createObjectReader(repository);
    onTestFinished(reader.close);
    expect(await reader.read('2'.repeat(40))).toBe(undefined);
    expect(await reader.read('refs/scap/revisions/none')).toBe(undefined);
    expect((await reader.read(oids[0] as Sha))?.oid).toBe(oids[0]);
  });

  it('reads nothing of a damaged object, and goes on with the next', async () => {
    const repository = await makeRepository([]);
    const store = async (content: string) => {
      const { stdout } = await repository.run(['hash-object', '-w', '--stdin'], { input: content });
      return stdout.toString().trim();
    };
    const [good, bad] = [await store('good'), await store('bad')];
    const path = join(repository.gitDir, 'objects', bad.slice(0, 2), bad.slice(2));
    chmodSync(path, 0o600);
    writeFileSync(path, 'no zlib at all');
    const reader = createObjectReader(repository);
    onTestFinished(reader.close);
    expect(await reader.read(bad)).toBe(undefined);
    expect((await reader.read(good))?.content.toString()).toBe('good');
  });

  it('says so when git was killed, and starts another', async () => {
    const repository = await makeRepository(contents);
    const children: StreamedProcess[] = [];
    const stream: Git['stream'] = async (args, options) => {
      const child = await repository.stream(args, options);
      children.push(child);
      return child;
    };
    const reader = createObjectReader({ stream });
    onTestFinished(reader.close);
    await reader.read(oids[0] as Sha);
    process.kill(children[0]?.pid as number, 'SIGKILL');
    await children[0]?.done.catch(() => {});
    await expect(reader.read(oids[0] as Sha)).rejects.toMatchObject({ code: 'process_failed' });
    expect((await reader.read(oids[0] as Sha))?.oid).toBe(oids[0]);
    expect(children).toHaveLength(2);
  });
});

it('readSizes() knows sizes, and leaves out what is missing', async () => {
  const repository = await makeRepository(contents);
  const sizes = await readSizes(repository, [...oids, '3'.repeat(40) as Sha]);
  expect([...sizes].sort()).toEqual([...new Map(oids.map((oid, at) => [oid, contents[at]?.length]))].sort());
  expect(await readSizes(repository, [])).toEqual(new Map());
});
