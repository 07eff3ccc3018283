import { parseSha, type Sha } from '../core/sha.ts';

/** Who made a revision, why, and from what. */
export interface RevisionInfo {
  readonly tree: Sha;
  readonly parents: readonly Sha[];
  readonly author: string;
  readonly email: string;
  /** Seconds since 1970; the time of every file the revision changed. */
  readonly time: number;
  /** First line and body, without trailers. */
  readonly message: string;
  /** `Scap-Host` and its like, in order. */
  readonly trailers: Readonly<Record<string, string>>;
}

/** Encodes a commit object's content: the same info, the same bytes. */
export function encodeCommit(info: RevisionInfo): Buffer {
  const who = `${personText(info.author) || 'unknown'} <${personText(info.email)}> ${info.time} +0000`;
  const trailers = Object.entries(info.trailers).map(([name, value]) => `${name}: ${oneLine(value)}`);
  return Buffer.from(
    [
      `tree ${info.tree}`,
      ...info.parents.map((parent) => `parent ${parent}`),
      `author ${who}`,
      `committer ${who}`,
      '',
      info.message.replaceAll('\0', ' ').trim(),
      '',
      ...trailers,
      '',
    ].join('\n'),
  );
}

/** Decodes a commit object's content as {@link encodeCommit} wrote it. */
export function decodeCommit(content: Buffer): RevisionInfo {
  const text = content.toString('utf8');
  const gap = text.indexOf('\n\n');
  const headers = text
    .slice(0, gap)
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]);
  const value = (name: string) => headers.find(([key]) => key === name)?.[1] ?? '';
  const [, author = '', email = '', time = '0'] = /^(.*) <(.*)> (\d+) /.exec(value('author')) ?? [];
  const { message, trailers } = splitTrailers(text.slice(gap + 2).trimEnd());
  return {
    tree: parseSha(value('tree')),
    parents: headers.filter(([key]) => key === 'parent').map(([, parent]) => parseSha(parent)),
    author,
    email,
    time: Number(time),
    message,
    trailers,
  };
}

function splitTrailers(body: string): { message: string; trailers: Record<string, string> } {
  const lines = body.split('\n');
  let at = lines.length;
  while (at > 0 && /^Scap-[A-Za-z]+: /.test(lines[at - 1] ?? '')) at--;
  const pairs = lines
    .slice(at)
    .map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)] as const);
  return { message: lines.slice(0, at).join('\n').trim(), trailers: Object.fromEntries(pairs) };
}

/** Git allows neither angle brackets nor line feeds in a person. */
function personText(text: string): string {
  return oneLine(text).replace(/[<>]/g, '');
}

function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not get into a header
  return text.replace(/[\x00-\x1f]+/g, ' ').trim();
}
