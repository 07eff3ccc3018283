import { ScapError } from './errors.ts';

declare const shaBrand: unique symbol;

/** A full git object id in lower-case hex (40 digits): a revision, a tree or a blob. Made only by {@link parseSha}. */
export type Sha = string & { readonly [shaBrand]: true };

/** Tells whether `text` is a full object id. */
export function isSha(text: unknown): text is Sha {
  return typeof text === 'string' && /^[0-9a-f]{40}$/.test(text);
}

/** Parses a full object id. Throws `protocol_violation`: shas come from git and from peers, never from people. */
export function parseSha(text: unknown): Sha {
  if (isSha(text)) return text;
  throw new ScapError('protocol_violation', `Cannot use ${JSON.stringify(text)} as a revision: expected 40 hex digits`);
}

/** The form people read: the first twelve digits. */
export function shortSha(sha: string): string {
  return sha.slice(0, 12);
}

/** Tells whether `text` may be typed for a revision: 7 to 40 hex digits. */
export function isShaPrefix(text: string): boolean {
  return /^[0-9a-f]{7,40}$/i.test(text);
}
