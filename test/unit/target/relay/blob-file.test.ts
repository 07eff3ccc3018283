import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openIncomingBlob, openWholeBlob, partPath } from '../../../../src/target/relay/blob-file.ts';
import { nameOf, randomContent, useRelayWorld } from '../../../support/relay-world.ts';

const world = useRelayWorld();
const content = randomContent(100_000);
const name = nameOf(content);

describe('openIncomingBlob()', () => {
  it('shows nobody the last bytes before the whole was checked', async () => {
    const blob = await world.incoming(name);
    await blob.append(content.subarray(0, 60_000));
    await expect(blob.append(Buffer.alloc(40_000))).rejects.toMatchObject({ code: 'blob_damaged' });
    expect(blob).toMatchObject({ availableBytes: 60_000, verdict: 'damaged' });
    expect(existsSync(partPath(blob.path))).toBe(false);
  });

  it('has its name only once it is whole', async () => {
    const blob = await world.incoming(name);
    await blob.append(content.subarray(0, 99_999));
    expect(existsSync(blob.path)).toBe(false);
    await blob.append(content.subarray(99_999));
    expect(readFileSync(blob.path).equals(content)).toBe(true);
    await expect(blob.append(Buffer.from('x'))).rejects.toMatchObject({ code: 'interrupted' });
  });

  it('refuses more than there should be, and goes on with what there should', async () => {
    const blob = await world.incoming(name);
    await expect(blob.append(Buffer.alloc(100_001))).rejects.toMatchObject({ code: 'protocol_violation' });
    await blob.append(content);
    expect(blob.verdict).toBe('whole');
  });

  it.each([
    ['too long', (bytes: Buffer) => Buffer.concat([bytes, bytes])],
    ['complete and damaged', (bytes: Buffer) => Buffer.alloc(bytes.length)],
  ])('begins anew when what it finds is %s', async (_what, change) => {
    const at = world.tempDir();
    writeFileSync(join(at, `blob-${name.sha256}`), change(content));
    const blob = await world.incoming(name, at);
    expect(blob).toMatchObject({ resumedBytes: 0, verdict: undefined });
    expect(readdirSync(at)).toEqual([`blob-${name.sha256}.part`]);
    await blob.append(content);
    expect(blob.verdict).toBe('whole');
  });

  it('follows no symbolic link', async () => {
    const at = world.tempDir();
    const victim = join(at, 'victim');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, join(at, 'blob.part'));
    await expect(openIncomingBlob(join(at, 'blob'), name)).rejects.toMatchObject({ code: 'ELOOP' });
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  it('wakes those who wait for bytes, for the end, or for nothing any more', async () => {
    const blob = await world.incoming(name);
    const gone = new AbortController();
    const never = new AbortController().signal;
    const aborted = blob.changed(gone.signal);
    gone.abort();
    await aborted;
    const more = blob.changed(never);
    await blob.append(content.subarray(0, 1));
    await more;
    const end = blob.changed(never);
    await blob.close();
    await end;
    expect(blob.verdict).toBe('gone');
    await blob.changed(never);
  });
});

describe('openWholeBlob()', () => {
  it('refuses a file of another size', async () => {
    const path = join(world.tempDir(), 'blob');
    writeFileSync(path, content.subarray(1));
    await expect(openWholeBlob(path, name)).rejects.toMatchObject({ code: 'blob_damaged' });
  });
});
