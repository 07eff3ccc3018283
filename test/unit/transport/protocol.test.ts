import { describe, expect, it } from 'vitest';
import { createFrameParser, encodeMessage, parseFromAgent, parseToAgent } from '../../../src/transport/protocol.ts';

/** Parses `chunks`; a line `+N` says that N payload bytes follow. */
function parse(chunks: Iterable<Buffer>) {
  const lines: string[] = [];
  const payloads: string[] = [];
  let current = '';
  let announced = 0;
  const parser = createFrameParser(
    {
      onLine: (line) => {
        lines.push(line);
        announced = line.startsWith('+') ? Number(line.slice(1)) : 0;
      },
      onPayload: (piece, last) => {
        current += piece.toString('latin1');
        if (last) {
          payloads.push(current);
          current = '';
        }
      },
    },
    () => announced,
  );
  for (const chunk of chunks) parser.push(chunk);
  return { lines, payloads };
}

const stream = Buffer.from('first\n\n+6\nab\ncd\n+0\nünïcode 😀\n+1\n\nlast\n', 'utf8');
const expected = { lines: ['first', '', '+6', '+0', 'ünïcode 😀', '+1', 'last'], payloads: ['ab\ncd\n', '\n'] };

describe('createFrameParser()', () => {
  it('cuts a stream into lines and payloads', () => {
    expect(parse([stream])).toEqual(expected);
  });

  it.each(Array.from({ length: stream.length + 1 }, (_, at) => [at]))('whatever the cut: at byte %i', (at) => {
    expect(parse([stream.subarray(0, at), stream.subarray(at)])).toEqual(expected);
  });

  it.each([[1], [2], [3], [5], [7]])('in pieces of %i bytes', (size) => {
    const pieces = Array.from({ length: Math.ceil(stream.length / size) }, (_, at) =>
      stream.subarray(at * size, (at + 1) * size),
    );
    expect(parse(pieces)).toEqual(expected);
  });

  it('keeps what is not ended yet', () => {
    expect(parse([Buffer.from('no end')])).toEqual({ lines: [], payloads: [] });
    expect(parse([Buffer.from('+9\nhalf')])).toEqual({ lines: ['+9'], payloads: [] });
  });

  it('refuses a line longer than 4 MiB, in one piece or many; takes one as long', () => {
    const tooLong = Buffer.alloc(4 * 1024 * 1024 + 1, 'x');
    expect(() => parse([tooLong])).toThrow(expect.objectContaining({ code: 'protocol_violation' }));
    expect(() => parse(Array.from({ length: 5 }, () => tooLong.subarray(0, 1024 * 1024)))).toThrow(
      'a line does not end',
    );
    expect(parse([tooLong.subarray(1), Buffer.from('\n')]).lines[0]).toHaveLength(4 * 1024 * 1024);
  });

  it('takes any number of lines', () => {
    const line = Buffer.concat([Buffer.alloc(1024 * 1024, 'x'), Buffer.from('\n')]);
    expect(parse(Array.from({ length: 6 }, () => line)).lines).toHaveLength(6);
  });

  it('passes a payload larger than any line', () => {
    const { payloads } = parse([Buffer.from('+6000000\n'), Buffer.alloc(6_000_000, 'y'), Buffer.from('end\n')]);
    expect(payloads[0]).toHaveLength(6_000_000);
  });
});

describe('parseFromAgent()', () => {
  it.each([
    { type: 'hello', protocol: 1, pid: 1, versions: { node: 'v20' } },
    { type: 'notice', id: 1, notice: { kind: 'note', code: 'x', message: 'y' } },
    { type: 'reply', id: 1, at: 5.5, ok: true, value: null },
    { type: 'reply', id: 1, at: 5.5, ok: false, error: { code: 'io_failed', message: 'no' } },
  ] as const)('takes %j', (message) => {
    expect(parseFromAgent(encodeMessage(message).trim())).toEqual(message);
  });

  it.each([
    '',
    ' ',
    'Last login: yesterday',
    '[]',
    'null',
    '42',
    '"text"',
    '{',
    '{}',
    '{"type":"hello"}',
    '{"type":"hello","protocol":"1","versions":{}}',
    '{"type":"hello","protocol":1,"versions":[]}',
    '{"type":"reply","id":1}',
    '{"type":"reply","id":"1","ok":true}',
    '{"type":"reply","id":1,"ok":"yes"}',
    '{"type":"reply","id":1,"ok":false}',
    '{"type":"reply","id":1,"ok":false,"error":"text"}',
    '{"type":"reply","id":1,"ok":false,"error":{"code":1,"message":"x"}}',
    '{"type":"notice","id":1}',
    '{"type":"notice","id":1,"notice":null}',
    '{"type":"notice","id":1,"notice":{}}',
    '{"type":"notice","id":1,"notice":{"kind":"note","code":"x","message":5}}',
    '{"type":"notice","id":1,"notice":{"kind":"note","message":"x"}}',
    '{"type":"notice","id":1,"notice":{"kind":"progress","step":"x","unit":"__proto__","done":1,"total":1}}',
    '{"type":"notice","id":1,"notice":{"kind":"progress","step":"x","unit":"files","done":"1","total":1}}',
    '{"type":"notice","id":1,"notice":{"kind":"progress","step":"x","unit":"files","done":1,"total":1e999}}',
    '{"type":"notice","id":1,"notice":{"kind":"progress","step":{},"unit":"files","done":1,"total":1}}',
    '{"type":"request","id":1,"verb":"x"}',
    ' {"type":"hello","protocol":1,"versions":{}}',
  ])('[B45] passes over %j', (line) => {
    expect(parseFromAgent(line)).toBeUndefined();
  });
});

describe('what a target says in the name of others', () => {
  const parse = (message: unknown) => parseFromAgent(JSON.stringify(message));
  const forged = { type: 'run.finished', at: 1, host: 'another', task: 'promote@another', stage: 'promote' };

  it.each([
    { kind: 'note', code: 'x', message: 'y' },
    { kind: 'progress', step: 'x', unit: 'files', done: 1, total: 2 },
  ])('is left out of %j', (notice) => {
    const message = { type: 'notice', id: 1, notice: { ...forged, ...notice } };
    expect(parse(message)).toEqual({ type: 'notice', id: 1, notice });
  });

  it('is left out of a failure, with what is of another kind than it should be', () => {
    const error = { ...forged, code: 'io_failed', message: 'no', hint: 5, data: 'x', stack: ['y'] };
    expect(parse({ type: 'reply', id: 1, at: 5.5, ok: false, error })).toEqual({
      type: 'reply',
      at: 5.5,
      id: 1,
      ok: false,
      error: { code: 'io_failed', message: 'no' },
    });
  });
});

describe('parseToAgent()', () => {
  it('takes requests, cancels and pings, and nothing of them it does not know', () => {
    expect(parseToAgent('{"type":"request","id":1,"verb":"probe","params":{"a":1},"extra":1}')).toEqual({
      type: 'request',
      id: 1,
      verb: 'probe',
      params: { a: 1 },
      payloadBytes: 0,
    });
    expect(parseToAgent('{"type":"request","id":2,"verb":"receive","payloadBytes":9}')).toEqual({
      type: 'request',
      id: 2,
      verb: 'receive',
      params: undefined,
      payloadBytes: 9,
    });
    expect(parseToAgent('{"type":"cancel","id":3}')).toEqual({ type: 'cancel', id: 3 });
    expect(parseToAgent('{"type":"ping","leaseMs":5000,"x":1}')).toEqual({ type: 'ping', leaseMs: 5000 });
  });

  it.each([
    '',
    'GET / HTTP/1.1',
    '{',
    '{}',
    '[]',
    '{"type":"cancel"}',
    '{"type":"ping"}',
    '{"type":"ping","leaseMs":0}',
    '{"type":"ping","leaseMs":"60"}',
    '{"type":"request","id":1}',
    '{"type":"request","id":"1","verb":"x"}',
    '{"type":"request","id":1,"verb":7}',
    '{"type":"request","id":1,"verb":"x","payloadBytes":-1}',
    '{"type":"request","id":1,"verb":"x","payloadBytes":1.5}',
    '{"type":"request","id":1,"verb":"x","payloadBytes":"9"}',
    '{"type":"request","id":1,"verb":"x","payloadBytes":1e300}',
    '{"type":"reply","id":1,"ok":true}',
  ])('refuses %j', (line) => {
    expect(() => parseToAgent(line)).toThrow(expect.objectContaining({ code: 'protocol_violation' }));
  });
});
