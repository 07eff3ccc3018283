import type { ScapEvent } from './event.ts';

/** An event as a log holds it: with its level. */
export type LoggedEvent = ScapEvent & { readonly level?: string };

/**
 * Reads one line of a run's log. Returns `undefined` for what is no event: a line that a crash cut short, noise, an empty line. Only `type` and
 * `at` are sure to be there: the line may come from another version of scap.
 */
export function parseEventLine(line: string): LoggedEvent | undefined {
  try {
    const value = JSON.parse(line) as Partial<LoggedEvent> | null;
    return typeof value?.type === 'string' && typeof value.at === 'number' ? (value as LoggedEvent) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
