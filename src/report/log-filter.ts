/**
 * Which events of a run's log somebody wants to see: `field operator value` terms that must all hold.
 *
 * A field may be dotted (`error.code`). An event that lacks it, or has `null` there, fulfils no term but the negations: `!=` and `!~` are
 * exactly what `=` and `~` are not. Of a list, one element is enough. An object is compared by its JSON text.
 */
import { parseBytes } from '../core/bytes.ts';
import { parseDuration } from '../core/duration.ts';
import { type FilterOperator, malformedFilter, type Piece, type RawTerm, splitFilter } from './log-filter-syntax.ts';

/** What a filter looks at: any object that was read from a log. */
export type Filterable = Readonly<Record<string, unknown>>;

/** Tells whether an event is wanted. `text` is its sentence for people, empty when it has none. */
export type LogFilter = (event: Filterable, text: string) => boolean;

const levels = ['debug', 'info', 'warn', 'error', 'fatal'];

type Order = Extract<FilterOperator, '<=' | '>=' | '<' | '>'>;

/**
 * Reads a filter; an empty one wants everything.
 *
 * - `=`, `!=`: a pattern for the whole value; `*` is any text, `?` one character, a backslash takes a meaning away
 * - `~`, `!~`: a regular expression, found anywhere in the value
 * - `<`, `<=`, `>`, `>=`: numbers; durations (`2s`) for fields named …Ms, sizes (`8MiB`) for …bytes, ISO 8601 times, local when they name no zone;
 *   `level` by the order of its names
 * - a text without an operator is looked for in the sentence and in the type, whatever the case of its letters
 *
 * Throws `usage`, pointing at the place, when the expression cannot be read.
 */
export function parseLogFilter(expression: string): LogFilter {
  const tests = splitFilter(expression).map((term) => toTest(expression, term));
  return (event, text) => tests.every((test) => test(event, text));
}

function toTest(expression: string, term: RawTerm): LogFilter {
  if (term.kind === 'text') return findsText(term.text.text);
  const { field, operator, value } = term;
  const isNegated = operator.startsWith('!');
  switch (operator) {
    case '=':
    case '!=':
      return hasMatch(field.text, toGlob(value.text), isNegated);
    case '~':
    case '!~':
      return hasMatch(field.text, toRegExp(expression, value), isNegated);
    default:
      return field.text === 'level'
        ? comparesLevel(expression, operator, value)
        : comparesNumber(expression, field.text, operator, value);
  }
}

function findsText(wanted: string): LogFilter {
  const folded = wanted.toLowerCase();
  return ({ type }, text) => text.toLowerCase().includes(folded) || String(type).toLowerCase().includes(folded);
}

function hasMatch(field: string, pattern: RegExp, isNegated: boolean): LogFilter {
  return (event) => valuesOf(event, field).some((value) => pattern.test(toText(value))) !== isNegated;
}

function comparesLevel(expression: string, operator: Order, { text, at }: Piece): LogFilter {
  const wanted = levels.indexOf(text.toLowerCase());
  if (wanted < 0) throw malformedFilter(expression, at, `"${text}" is no level; those are ${levels.join(' < ')}`);
  return ({ level }) => {
    const found = levels.indexOf(String(level));
    return found >= 0 && isOrdered(found, operator, wanted);
  };
}

function comparesNumber(expression: string, field: string, operator: Order, { text, at }: Piece): LogFilter {
  const time = parseTime(text);
  const wanted = time ?? parseQuantity(field, text);
  if (wanted === undefined) throw malformedFilter(expression, at, notComparable(field, text));
  const toNumber = (value: unknown) => (time !== undefined && typeof value === 'string' ? parseTime(value) : value);
  return (event) =>
    valuesOf(event, field)
      .map(toNumber)
      .some((found) => typeof found === 'number' && isOrdered(found, operator, wanted));
}

function notComparable(field: string, text: string): string {
  if (parseDuration(text) !== undefined) return `a duration is for fields named …Ms, "${field}" is none`;
  if (parseBytes(text) !== undefined) return `a size is for fields named …bytes, "${field}" is none`;
  return `"${text}" is no number, duration, size or time`;
}

/** A number, in the unit of the field. */
function parseQuantity(field: string, text: string): number | undefined {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (/Ms$/.test(field)) return parseDuration(text);
  return /bytes$/i.test(field) ? parseBytes(text) : undefined;
}

/** ISO 8601 with a full date, in milliseconds since 1970. Local when it names no zone, as times are printed. */
function parseTime(text: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text);
  if (match === null) return undefined;
  const [, day, clock = '00:00', zone = ''] = match;
  const at = Date.parse(`${day}T${clock}${zone}`);
  return Number.isNaN(at) ? undefined : at;
}

function isOrdered(found: number, operator: Order, wanted: number): boolean {
  switch (operator) {
    case '<':
      return found < wanted;
    case '<=':
      return found <= wanted;
    case '>':
      return found > wanted;
    case '>=':
      return found >= wanted;
  }
}

/** What an event has at a dotted field: nothing, a value, or the elements of a list. */
function valuesOf(event: Filterable, field: string): readonly unknown[] {
  let value: unknown = event;
  for (const name of field.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return [];
    value = (value as Filterable)[name];
  }
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((each) => each !== null && each !== undefined);
}

function toText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function toGlob(text: string): RegExp {
  const source = text.replace(/\\[\s\S]|[\s\S]/g, (part) => {
    if (part === '*') return '[\\s\\S]*';
    if (part === '?') return '[\\s\\S]';
    const character = part.length > 1 ? part.slice(1) : part;
    return character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
  });
  return new RegExp(`^${source}$`);
}

function toRegExp(expression: string, { text, at }: Piece): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const why = error.message.split(': ').at(-1)?.toLowerCase();
    throw malformedFilter(expression, at, `"${text}" is no regular expression: ${why}`);
  }
}
