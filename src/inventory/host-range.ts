/** One of the texts a pattern stands for. */
export interface Expansion {
  readonly text: string;
  /** What stands in place of each range, from left to right, with leading zeros. */
  readonly numbers: readonly string[];
}

export type ExpandedRange = { readonly expansions: readonly Expansion[] } | { readonly problem: string };

/** More hosts than this in one pattern is a slip of the keyboard. */
const maxExpansions = 10_000;

/**
 * Expands numeric ranges: `mw[8:10]` → `mw8`, `mw9`, `mw10`. Both ends count.
 *
 * Leading zeros keep the width (`[001:010]`); several ranges multiply, the last one running fastest. Text without a range
 * stands for itself. Anything else in square brackets is a problem, told without the pattern itself.
 */
export function expandRange(pattern: string): ExpandedRange {
  const parts = pattern.split(/\[(\d{1,9}):(\d{1,9})\]/);
  let expansions: readonly Expansion[] = [{ text: '', numbers: [] }];
  for (let at = 0; at < parts.length; at += 3) {
    const [literal = '', first, last] = parts.slice(at, at + 3);
    if (/[[\]]/.test(literal)) return { problem: 'expected ranges such as "[1:20]" or "[001:020]" in square brackets' };
    const numbers = first === undefined || last === undefined ? undefined : countUp(first, last);
    if (typeof numbers === 'string') return { problem: numbers };
    if (expansions.length * (numbers?.length ?? 1) > maxExpansions) {
      return { problem: `expected at most ${maxExpansions} hosts` };
    }
    expansions = expansions.flatMap((expansion) => extend(expansion, literal, numbers));
  }
  return { expansions };
}

function extend({ text, numbers }: Expansion, literal: string, next: readonly string[] | undefined): Expansion[] {
  if (next === undefined) return [{ text: text + literal, numbers }];
  return next.map((number) => ({ text: text + literal + number, numbers: [...numbers, number] }));
}

function countUp(first: string, last: string): readonly string[] | string {
  const range = `"[${first}:${last}]"`;
  const [from, to] = [Number(first), Number(last)];
  if (from > to) return `the range ${range} runs backwards`;
  const isPadded = [first, last].some((number) => number.length > 1 && number.startsWith('0'));
  if (isPadded && first.length !== last.length) return `the ends of ${range} differ in width`;
  if (to - from >= maxExpansions) return `expected at most ${maxExpansions} hosts`;
  return Array.from({ length: to - from + 1 }, (_, at) => String(from + at).padStart(isPadded ? first.length : 0, '0'));
}
