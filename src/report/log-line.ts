import type { LoggedEvent } from '../events/event-line.ts';
import { describeEvent, type Line } from './describe-event.ts';
import { toOneLine } from './plain-text.ts';

/**
 * Says in one line what an event from a log changed, as {@link describeEvent} does. An event that says nothing there, or is not of the shape this
 * version knows, gets `undefined`: a log may be older or newer than the program, or damaged.
 */
export function describeLoggedEvent(event: LoggedEvent): Line | undefined {
  try {
    const line = describeEvent(event);
    // Names of hosts were checked when they came from the inventory, not when they come from a file.
    return line && { ...line, text: toOneLine(line.text) };
  } catch (error) {
    // A field is missing or of another kind.
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
