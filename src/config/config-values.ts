/** The schemas of single values. Each gives one message that says what was expected and what was found. */
import { resolve } from 'node:path';
import * as z from 'zod';
import { parseBytes } from '../core/bytes.ts';
import { parseDuration } from '../core/duration.ts';
import { type PortRange, parsePortRange } from '../core/port-range.ts';
import type { BatchSize, FailureBudget, OnControllerLoss, Transport } from './config.ts';

/** What relative paths start from. */
export interface PathBase {
  /** The file's directory. */
  readonly directory: string;
  /** What `~` stands for. */
  readonly home: string;
}

/** The longest time a timer of Node can wait. */
const maxTimerMs = 2 ** 31 - 1;
const maxGraceTimeMs = 3650 * 86_400_000;

export const timeout = duration(1, maxTimerMs);
export const graceTime = duration(0, maxGraceTimeMs);
export const soak = duration(0, maxTimerMs);

/** A whole number of at least `min`, and at most `max`. */
export function count(min: number, max = Number.MAX_SAFE_INTEGER): z.ZodType<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `between ${min} and ${max}`;
  return value((input) =>
    Number.isSafeInteger(input) && (input as number) >= min && (input as number) <= max
      ? { value: input as number }
      : refuse(`expected a whole number ${range}`, input),
  );
}

/** A share as a percentage between 0 % and 100 %, as a ratio between 0 and 1. */
export const ratio: z.ZodType<number> = value((input) => {
  const percent = parsePercent(input);
  return percent === undefined
    ? refuse('expected a percentage between "0%" and "100%"', input)
    : { value: percent / 100 };
});

export const failureBudget: z.ZodType<FailureBudget> = value<FailureBudget>((input) => {
  if (Number.isSafeInteger(input) && (input as number) >= 0) return { value: { hosts: input as number } };
  const percent = parsePercent(input);
  return percent === undefined
    ? refuse('expected a number of hosts or a percentage between "0%" and "100%"', input)
    : { value: { percent } };
});

export const batch: z.ZodType<BatchSize> = value<BatchSize>((input) => {
  if (Number.isSafeInteger(input) && (input as number) >= 1) return { value: { hosts: input as number } };
  const percent = parsePercent(input);
  return percent === undefined || percent === 0
    ? refuse('expected a number of at least 1 host or a percentage above "0%", up to "100%"', input)
    : { value: { percent } };
});

export const transport: z.ZodType<Transport> = word('local', 'ssh');
export const onControllerLoss: z.ZodType<OnControllerLoss> = word('keep', 'revert');

export const port: z.ZodType<number> = value((input) =>
  Number.isInteger(input) && (input as number) >= 1 && (input as number) <= 65_535
    ? { value: input as number }
    : refuse('expected a port between 1 and 65535', input),
);

export const portRange: z.ZodType<PortRange> = value<PortRange>((input) => {
  const range = typeof input === 'string' || typeof input === 'number' ? parsePortRange(String(input)) : undefined;
  return range === undefined ? refuse('expected ports such as "8730-8790"', input) : { value: range };
});

/** An amount of data in bytes. */
export const bytes: z.ZodType<number> = value((input) => {
  const amount = typeof input === 'string' || typeof input === 'number' ? parseBytes(String(input)) : undefined;
  return amount === undefined
    ? refuse('expected an amount of data such as "8MiB" or "50MB"', input)
    : { value: amount };
});

/** Text that is not empty and has no control characters; `what` names it in the message. */
export function text(what: string): z.ZodType<string> {
  return value((input) => (isText(input) ? { value: input } : refuse(`expected ${what}`, input, true)));
}

/** The name of a group: as a host's name, so that it may stand in file names and selectors. */
export const groupName: z.ZodType<string> = value((input) =>
  typeof input === 'string' && /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(input)
    ? { value: input }
    : refuse('expected a name of letters, digits, ".", "_" and "-"', input),
);

/** A path; the result is absolute. */
export function path(base: PathBase): z.ZodType<string> {
  return value((input) => parsePath(input, base));
}

/** One path or a list of paths; the results are absolute. */
export function paths(base: PathBase): z.ZodType<readonly string[]> {
  const several = z.array(path(base));
  return z.unknown().transform((input, context): readonly string[] => {
    if (Array.isArray(input)) {
      const parsed = several.safeParse(input);
      if (parsed.success) return parsed.data;
      for (const { path: at, message } of parsed.error.issues)
        context.addIssue({ code: 'custom', message, path: [...at] });
      return z.NEVER;
    }
    const verdict = isText(input) ? parsePath(input, base) : refuse('expected a path or a list of paths', input);
    if ('value' in verdict) return [verdict.value];
    context.addIssue({ code: 'custom', message: verdict.refusal });
    return z.NEVER;
  });
}

/** Parses one path; the result is absolute. */
export function parsePath(input: unknown, base: PathBase): Verdict<string> {
  if (!isText(input)) return refuse('expected a path', input);
  const resolved = resolvePath(input, base);
  return resolved === undefined
    ? refuse('expected a path in which only "~/" stands for a home directory', input)
    : { value: resolved };
}

/** Makes a path absolute; `undefined` for another user's home (`~alice/…`), which is not looked up. */
export function resolvePath(text: string, { directory, home }: PathBase): string | undefined {
  if (!text.startsWith('~')) return resolve(directory, text);
  return text === '~' || text.startsWith('~/') ? resolve(home, `.${text.slice(1)}`) : undefined;
}

/** Says what a value is, for "expected …, found …". */
export function describeValue(input: unknown): string {
  if (input === undefined || input === null || input === '') return 'nothing';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object') return 'keys and values';
  if (typeof input === 'string')
    return `the text ${JSON.stringify(input.length > 60 ? `${input.slice(0, 60)}…` : input)}`;
  return typeof input === 'number' ? `the number ${input}` : String(input);
}

/** One of a few words. */
function word<Word extends string>(...words: readonly [Word, Word]): z.ZodType<Word> {
  return value((input) => {
    const found = words.find((each) => each === input);
    return found === undefined ? refuse(`expected "${words[0]}" or "${words[1]}"`, input) : { value: found };
  });
}

function duration(minMs: number, maxMs: number): z.ZodType<number> {
  return value((input) => {
    const ms = typeof input === 'string' ? parseDuration(input) : undefined;
    if (ms === undefined) return refuse('expected a duration such as "30s" or "10m"', input);
    if (ms < minMs) return refuse('expected a duration longer than zero', input);
    return ms > maxMs
      ? refuse(`expected a duration of at most ${Math.floor(maxMs / 86_400_000)}d`, input)
      : { value: ms };
  });
}

export type Verdict<T> = { readonly value: T } | { readonly refusal: string };

/** A schema of whatever `parse` accepts, with its one message for the rest. */
export function value<T>(parse: (input: unknown) => Verdict<T>): z.ZodType<T> {
  return z.unknown().transform((input, context): T => {
    const verdict = parse(input);
    if ('value' in verdict) return verdict.value;
    context.addIssue({ code: 'custom', message: verdict.refusal });
    return z.NEVER;
  });
}

export function refuse(expectation: string, input: unknown, couldBeQuoted = false): { readonly refusal: string } {
  if (input === undefined) return { refusal: `is required: ${expectation}` };
  const quoted = typeof input === 'number' || typeof input === 'boolean' ? `; write it in quotes: "${input}"` : '';
  return { refusal: `${expectation}, found ${describeValue(input)}${couldBeQuoted ? quoted : ''}` };
}

function parsePercent(input: unknown): number | undefined {
  const match = typeof input === 'string' ? /^(\d+(?:\.\d+)?)\s*%$/.exec(input.trim()) : null;
  const percent = Number(match?.[1] ?? Number.NaN);
  return percent <= 100 ? percent : undefined;
}

/** Tells whether it is text, not empty and without control characters. */
export function isText(input: unknown): input is string {
  return typeof input === 'string' && input !== '' && !/\p{Cc}/u.test(input);
}
