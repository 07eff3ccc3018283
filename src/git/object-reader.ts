/**
 * Reads objects through `git cat-file --batch`: raw content, never through filters or attributes.
 */
import { once } from 'node:events';
import { ScapError } from '../core/errors.ts';
import { isSha, type Sha } from '../core/sha.ts';
import type { StreamedProcess } from '../system/process.ts';
import type { Git } from './git-command.ts';

/** What happens with the content of a stream of objects, in the order they were asked for. */
export interface ObjectSink {
  /** A piece of object number `at`; small objects come in one piece. `last` marks the final one (which may be empty). */
  onPiece(at: number, piece: Buffer, sizeBytes: number, last: boolean): void;
}

/**
 * Streams many blobs: pipelined both ways, so the cost per object is far below a round trip.
 *
 * Throws `repository_damaged` when an object is missing or is no blob, and whatever `sink` throws. The sink runs synchronously
 * between reads; the event loop gets its turn at least every 64 KiB.
 */
export async function streamBlobs(
  git: Git,
  oids: readonly Sha[],
  sink: ObjectSink,
  signal?: AbortSignal,
): Promise<void> {
  if (oids.length === 0) return;
  const child = await git.stream(['cat-file', '--batch', '--buffer'], { signal });
  try {
    const fed = feed(child.stdin, oids);
    fed.catch(() => {});
    const parser = createBatchParser(oids, sink);
    for await (const chunk of child.stdout) parser.push(chunk as Buffer);
    await fed;
    await child.done;
    parser.finish();
  } catch (error) {
    child.kill();
    throw error;
  }
}

async function feed(stdin: NodeJS.WritableStream, oids: readonly Sha[]): Promise<void> {
  const batch = 512;
  for (let at = 0; at < oids.length; at += batch) {
    const lines = `${oids.slice(at, at + batch).join('\n')}\n`;
    if (!stdin.write(lines)) await once(stdin, 'drain');
  }
  stdin.end();
}

/** Parses `<oid> SP <type> SP <size> LF <content> LF`, in pieces of any length. Pure but for its sink. */
export function createBatchParser(
  oids: readonly Sha[],
  sink: ObjectSink,
): { push(chunk: Buffer): void; finish(): void } {
  let at = 0;
  let header = '';
  let size = 0;
  /** Bytes of content still to come; 0 with `inContent` means that the closing line feed is due. */
  let left = 0;
  let inContent = false;

  const readHeader = (chunk: Buffer, from: number): number => {
    const end = chunk.indexOf(0x0a, from);
    header += chunk.toString('latin1', from, end < 0 ? chunk.length : end);
    if (end < 0) return chunk.length;
    const [oid, type, length] = header.split(' ');
    if (type !== 'blob' || oid !== oids[at]) throw damaged(oids[at], header);
    size = left = Number(length);
    header = '';
    inContent = true;
    if (size === 0) sink.onPiece(at, Buffer.alloc(0), 0, true);
    return end + 1;
  };
  const readContent = (chunk: Buffer, from: number): number => {
    if (left === 0) {
      inContent = false;
      at++;
      return from + 1;
    }
    const piece = chunk.subarray(from, Math.min(chunk.length, from + left));
    left -= piece.length;
    sink.onPiece(at, piece, size, left === 0);
    return from + piece.length;
  };
  return {
    push: (chunk) => {
      for (let from = 0; from < chunk.length; ) from = inContent ? readContent(chunk, from) : readHeader(chunk, from);
    },
    finish: () => {
      if (at !== oids.length) throw damaged(oids[at], 'the stream ended early');
    },
  };
}

function damaged(oid: Sha | undefined, found: string): ScapError {
  return new ScapError('repository_damaged', `Cannot read object ${oid}: ${found.slice(0, 100)}`, {
    hint: 'Run the push again: a target whose repository is damaged is given a new one',
    data: { oid: oid ?? null },
  });
}

/** The sizes of many objects in bytes, without their content. Missing objects are missing from the result. */
export async function readSizes(git: Git, oids: readonly Sha[]): Promise<Map<Sha, number>> {
  if (oids.length === 0) return new Map();
  const wanted = [...new Set(oids)];
  const input = `${wanted.join('\n')}\n`;
  const { stdout } = await git.run(['cat-file', '--batch-check=%(objectname) %(objectsize)', '--buffer'], { input });
  const lines = stdout
    .toString('latin1')
    .split('\n')
    .filter((line) => /^[0-9a-f]{40} \d+$/.test(line));
  return new Map(lines.map((line) => [line.slice(0, 40) as Sha, Number(line.slice(41))]));
}

/** An object as git stores it. */
export interface GitObject {
  readonly oid: Sha;
  readonly type: string;
  readonly content: Buffer;
}

/** Reads single objects, from one process that lives as long as there is somebody to ask: starting git costs a hundred times more than asking it. */
export interface ObjectReader {
  /**
   * What a name stands for (an id, a ref, `<commit>^{tree}`, `<commit>:<path>`), or `undefined` when it stands for nothing or for an object
   * that cannot be read. Throws `process_failed` when git was killed.
   */
  read(name: string): Promise<GitObject | undefined>;
  /** Ends the process; the next `read` starts another. For a repository that another has taken the place of. */
  close(): void;
}

/** Starts no process before the first `read`. The process keeps nobody from ending, and ends with whoever started it. */
export function createObjectReader(git: Pick<Git, 'stream'>): ObjectReader {
  let current: Promise<Conversation> | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  const close = () => {
    const closing = current;
    current = undefined;
    void closing?.then(({ child }) => child.kill()).catch(() => {});
  };
  const ask = async (name: string) => {
    current ??= startConversation(git);
    const conversation = await current.catch((error: unknown) => {
      current = undefined;
      throw error;
    });
    conversation.child.setIdle(false);
    try {
      const answer = await conversation.ask(name);
      // Git gives up at an object that is damaged.
      if (answer === 'ended') close();
      return answer === 'ended' ? undefined : answer;
    } catch (error) {
      close();
      throw error;
    } finally {
      conversation.child.setIdle(true);
    }
  };
  const read = (name: string) => {
    const answer = queue.then(() => ask(name));
    queue = answer.catch(() => {});
    return answer;
  };
  return { read, close };
}

interface Conversation {
  readonly child: StreamedProcess;
  ask(name: string): Promise<GitObject | undefined | 'ended'>;
}

async function startConversation(git: Pick<Git, 'stream'>): Promise<Conversation> {
  const child = await git.stream(['cat-file', '--batch'], { okExits: [0, 128] });
  const chunks = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    const next = await chunks.next();
    if (next.done) await child.done;
    else rest = rest.length === 0 ? next.value : Buffer.concat([rest, next.value]);
    return !next.done;
  };
  const ask = async (name: string) => {
    child.stdin.write(`${name}\n`);
    while (!rest.includes(0x0a)) if (!(await more())) return 'ended';
    const end = rest.indexOf(0x0a);
    const [oid = '', type = '', size] = rest.toString('latin1', 0, end).split(' ');
    if (!isSha(oid) || size === undefined) {
      rest = rest.subarray(end + 1);
      return undefined;
    }
    const contentEnd = end + 1 + Number(size);
    while (rest.length <= contentEnd) if (!(await more())) return 'ended';
    const content = rest.subarray(end + 1, contentEnd);
    rest = rest.subarray(contentEnd + 1);
    return { oid, type, content };
  };
  return { child, ask };
}
