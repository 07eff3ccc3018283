import { nearestWord } from '../core/nearest-word.ts';
import { eventFields, type FieldShape } from '../events/event-fields.ts';
import { malformedFilter, splitFilter } from './log-filter-syntax.ts';

/**
 * Throws `usage`, pointing at the place, when a filter asks for a field that no event can have: it would match nothing, or with a negation everything,
 * and look like an answer. What stages and errors tell as data is open, so every field below `data` and `error.data` is let through.
 */
export function refuseUnknownFields(expression: string): void {
  for (const term of splitFilter(expression)) {
    if (term.kind === 'text') continue;
    const { text, at } = term.field;
    if (hasField(eventFields, text.split('.'))) continue;
    const nearest = nearestWord(text, knownFields);
    const hint = 'See the fields of every event with: scap deploy-log --json';
    throw malformedFilter(
      expression,
      at,
      `no event has a field "${text}"`,
      nearest === undefined ? hint : `Did you mean "${nearest}"? ${hint}`,
    );
  }
}

function hasField(shape: FieldShape, [name, ...rest]: readonly string[]): boolean {
  if (name === undefined || shape === 'any') return true;
  // Of lists: `hosts.length`, `hosts.0`.
  if (shape === 'value') return rest.length === 0 && /^(length|\d+)$/.test(name);
  return Object.hasOwn(shape, name) && hasField(shape[name] as FieldShape, rest);
}

const knownFields = namesOf(eventFields);

function namesOf(fields: Readonly<Record<string, FieldShape>>, before = ''): string[] {
  return Object.entries(fields).flatMap(([name, shape]) => [
    `${before}${name}`,
    ...(typeof shape === 'string' ? [] : namesOf(shape, `${before}${name}.`)),
  ]);
}
