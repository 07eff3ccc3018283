/**
 * Quotes words for a POSIX shell, so that it hands exactly these words to the program. The one place that does: everything else starts programs
 * from argument arrays. Only the far end of an SSH connection takes a command line.
 *
 * A NUL cannot be an argument of any program: throws a `RangeError`.
 */
export function quoteForShell(words: readonly string[]): string {
  return words.map(quoteWord).join(' ');
}

function quoteWord(word: string): string {
  if (word.includes('\0')) throw new RangeError('an argument cannot hold a NUL');
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
