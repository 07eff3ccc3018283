/**
 * Text that came from elsewhere (file names, messages of tools and targets) made harmless for a terminal and a log: one line, no
 * control characters, no secrets, of a known width.
 */

const maxLength = 1000;
const unsafe = /[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
// CSI and OSC sequences, then all others of two characters (ECMA-48). util.stripVTControlCharacters takes text up to a bell with them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const escapeSequences = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])/g;
const zeroWidth = /[\p{Mn}\p{Me}\p{Cf}]/u;
const wide =
  /[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/**
 * Makes one printable line of any text: secrets redacted, escape sequences removed, white space collapsed, control characters,
 * lone surrogates and direction marks shown as `\xNN` or `\uNNNN`, at most 1000 characters.
 */
export function toOneLine(text: string): string {
  const line = redactSecrets(stripEscapes(text)).trim().replace(/\s+/g, ' ').replace(unsafe, escapeCharacter);
  return line.length > maxLength
    ? `${Array.from(line)
        .slice(0, maxLength - 1)
        .join('')}…`
    : line;
}

/** Removes colours, cursor movements and other escape sequences. */
export function stripEscapes(text: string): string {
  return text.replace(escapeSequences, '');
}

/** Hides what authenticates in URLs: the password of `scheme://user:password@`, everything before `@` for http(s). */
export function redactSecrets(text: string): string {
  return text
    .replace(/\b(https?:\/\/)[^\s/"'<>]+@/gi, '$1***@')
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/[^\s/:@"'<>]*):[^\s/"'<>]*@/gi, '$1:***@');
}

/** Counts the columns of a terminal that text takes. Never too few: a sequence joined into one glyph counts each of its parts. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of stripEscapes(text)) width += characterWidth(character);
  return width;
}

/** Shortens unstyled text to at most `width` columns, ending in `…` when something is cut off. */
export function truncateText(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let kept = '';
  let left = width - 1;
  for (const character of text) {
    left -= characterWidth(character);
    if (left < 0) break;
    kept += character;
  }
  return width < 1 ? '' : `${kept}…`;
}

/** Pads text with spaces to `width` columns; longer text is returned as it is. */
export function padText(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const spaces = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'left' ? text + spaces : spaces + text;
}

function characterWidth(character: string): number {
  if (character >= ' ' && character <= '~') return 1;
  // U+FE0F makes the character before it a wide picture.
  if (character === '\ufe0f') return 1;
  if (zeroWidth.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
