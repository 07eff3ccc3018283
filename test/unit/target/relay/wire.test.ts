import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBlobName } from '../../../../src/target/relay/blob-name.ts';
import { formatSource, parseRelayTicket } from '../../../../src/target/relay/ticket.ts';
import {
  createRequestReader,
  createSourceReader,
  encodeAcceptance,
  encodeRequest,
  encodeSign,
  frameHeaderBytes,
  writeBytesHeader,
} from '../../../../src/target/relay/wire.ts';

const sha256 = '0123456789abcdef'.repeat(4);

function bytesFrame(text: string): Buffer {
  const frame = Buffer.alloc(frameHeaderBytes + text.length, text);
  frame.write(text, frameHeaderBytes);
  writeBytesHeader(frame, text.length);
  return frame;
}

/** The stream cut at these places. */
function* cut(stream: Buffer, places: readonly number[]): Generator<Buffer> {
  const bounds = [0, ...places.map((place) => place % (stream.length + 1)).sort((a, b) => a - b), stream.length];
  for (const [index, bound] of bounds.entries()) yield stream.subarray(bound, bounds[index + 1] ?? bound);
}

describe('createSourceReader()', () => {
  it('reads the same wherever the stream is cut', () => {
    const frames = [bytesFrame('some bytes'), encodeSign('alive'), bytesFrame('!'), encodeSign('whole')];
    const stream = Buffer.concat([Buffer.from(encodeAcceptance(11)), ...frames]);
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 12 }), (places) => {
        const reader = createSourceReader();
        let text = '';
        const others: unknown[] = [];
        for (const chunk of cut(stream, places))
          for (const message of reader.push(chunk))
            if (message.kind === 'bytes') text += message.piece.toString();
            else others.push(message);
        expect(text).toBe('some bytes!');
        expect(others).toEqual([
          { kind: 'accepted', sizeBytes: 11 },
          { kind: 'alive' },
          { kind: 'verdict', verdict: 'whole' },
        ]);
      }),
    );
  });

  it('never yields anything but messages for bytes that mean nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (bytes) => {
        const reader = createSourceReader();
        try {
          reader.push(Buffer.from('ok 5\n'));
          for (const message of reader.push(Buffer.from(bytes))) expect(message).toHaveProperty('kind');
        } catch (error) {
          expect(error).toMatchObject({ code: 'protocol_violation' });
        }
      }),
    );
  });

  it.each(['no such_reason\n', 'no toString\n', 'ok\n', 'ok -1\n', 'ok 1e3\n', 'OK 5\n', '\n'])(
    'refuses %j',
    (line) => {
      expect(() => createSourceReader().push(Buffer.from(line))).toThrow(/^Cannot understand the peer of a relay/);
    },
  );
});

describe('createRequestReader()', () => {
  it('reads the same wherever the request is cut', () => {
    const stream = Buffer.from(encodeRequest({ sha256, offset: 12_345 }));
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 5 }), (places) => {
        const reader = createRequestReader();
        const read = [...cut(stream, places)].map((chunk) => reader.push(chunk)).filter((found) => found !== undefined);
        expect(read).toEqual([{ sha256, offset: 12_345 }]);
      }),
    );
  });

  it('refuses what comes behind the request', () => {
    expect(() => createRequestReader().push(Buffer.from(`${encodeRequest({ sha256, offset: 0 })}x`))).toThrow();
  });
});

describe('parseRelayTicket()', () => {
  const ticket = { address: '10.0.0.7', port: 8730, identity: 'ab'.repeat(16), key: 'cd'.repeat(32) };

  it.each([{}, { address: 'mw1001.eqiad.wmnet' }, { address: 'fe80::1%eth0' }])('keeps a ticket with %j', (change) => {
    expect(parseRelayTicket({ ...ticket, ...change, more: 1 })).toEqual({ ...ticket, ...change });
  });

  it.each([
    undefined,
    { ...ticket, address: 'a b' },
    { ...ticket, address: '' },
    { ...ticket, port: 0 },
    { ...ticket, port: 65_536 },
    { ...ticket, port: '8730' },
    { ...ticket, identity: 'ab' },
    { ...ticket, key: 'CD'.repeat(32) },
  ])('refuses %j, without telling the key', (value) => {
    expect(() => parseRelayTicket(value)).toThrow(/^(?!.*cdcd)Cannot use a ticket/);
  });

  it('says where the source is as people write it', () => {
    expect(formatSource(ticket)).toBe('10.0.0.7:8730');
    expect(formatSource({ address: '::1', port: 5 })).toBe('[::1]:5');
  });
});

describe('parseBlobName()', () => {
  it('keeps a name and nothing else', () => {
    expect(parseBlobName({ sha256, sizeBytes: 0, path: '/etc' })).toEqual({ sha256, sizeBytes: 0 });
  });

  it.each([null, { sha256: 'ab', sizeBytes: 1 }, { sha256, sizeBytes: -1 }, { sha256, sizeBytes: 1.5 }, { sha256 }])(
    'refuses %j',
    (value) => {
      expect(() => parseBlobName(value)).toThrow(/^Cannot use the name of a blob/);
    },
  );
});
