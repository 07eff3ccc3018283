/**
 * The opening of a conversation with an rsync daemon, overheard: text, a line each, until the daemon lets the client in.
 *
 *     client   @RSYNCD: 32.0 sha512 …       daemon   @RSYNCD: 31.0 sha512 …
 *     client   <identity>, the module       daemon   @RSYNCD: AUTHREQD <challenge>
 *     client   <identity> <response>        daemon   @RSYNCD: OK
 *
 * The daemon itself knows no password that is good once. So whoever passes its words on looks whom it lets in, and does not pass on the last of
 * them to somebody who has been in before. A client that says anything else, which rsync would allow, is none of ours.
 */
export interface Opening {
  /** The client says something. */
  hear(chunk: Buffer): void;
  /** The daemon answers. Returns the identity of the client once it is let in: the empty word for one that has not kept to the opening. */
  answer(chunk: Buffer): string | undefined;
}

/** Far longer than any opening. */
const maxChars = 16 * 1024;
const kept = /^@RSYNCD: [^\n]*\n([0-9a-f]{32})\n\1 [^\s]+\n/;

export function createOpening(): Opening {
  let asked = '';
  let answered = '';
  return {
    hear: (chunk) => {
      if (asked.length < maxChars) asked += chunk.toString('latin1', 0, maxChars);
    },
    answer: (chunk) => {
      answered = (answered + chunk.toString('latin1')).slice(-maxChars);
      if (!/^@RSYNCD: OK$/m.test(answered)) return undefined;
      return kept.exec(asked)?.[1] ?? '';
    },
  };
}
