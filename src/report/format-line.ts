import type { Level, Line } from './describe-event.ts';
import type { Style, Tone } from './style.ts';

const prefixes: Readonly<Record<Level, string>> = { info: '', warn: 'warning: ', error: 'error: ' };
const tones: Readonly<Record<Level, Tone>> = { info: 'plain', warn: 'warn', error: 'error' };

/** A line as it is printed: its level shows in a word, and in a colour where there are any. */
export function formatLine({ level, text }: Line, style: Style): string {
  return style(tones[level], prefixes[level] + text);
}
