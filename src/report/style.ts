import { styleText } from 'node:util';

/** What a piece of text means; the colours follow from it. */
export type Tone = 'plain' | 'strong' | 'dim' | 'good' | 'warn' | 'error';

export type Style = (tone: Tone, text: string) => string;

const formats = { strong: 'bold', dim: 'dim', good: 'green', warn: 'yellow', error: 'red' } as const;

/** Returns how to colour text for a terminal, or a function that leaves it alone. */
export function createStyle(colour: boolean): Style {
  // Without validateStream newer versions of Node would judge stdout, not the stream that is written to.
  return (tone, text) =>
    colour && tone !== 'plain' && text !== '' ? styleText(formats[tone], text, { validateStream: false }) : text;
}

/** Decides whether to colour: `NO_COLOR` says never, `FORCE_COLOR` always, else only on a terminal that is not dumb. */
export function wantsColour(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0';
  return isTerminal && env.TERM !== 'dumb';
}
