/** A stream for people to read. It may be a pipe whose reader went away, or a terminal that was closed: neither may end a run. */
export interface NarrationStream {
  write(text: string): unknown;
  on(event: 'error', listener: () => void): unknown;
  /** Size of the terminal, kept up to date by Node. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

/** Returns how to write to `stream`; after its first error, nothing is written and nothing is thrown any more. */
export function createQuietWriter(stream: NarrationStream): (text: string) => void {
  let broken = false;
  // Never taken off again: the error of the last write may come later.
  stream.on('error', () => {
    broken = true;
  });
  return (text) => {
    if (!broken && text !== '') stream.write(text);
  };
}
