/**
 * The words of a log filter: `level>=warn host=web* "Permission denied"`. Terms are separated by white space; an operator may have white space
 * around it; a value or a text with white space stands in single or double quotes, in which a backslash goes before that quote.
 */
import { ScapError } from '../core/errors.ts';
import { displayWidth, toOneLine } from './plain-text.ts';

export const filterOperators = ['!=', '!~', '<=', '>=', '=', '~', '<', '>'] as const;
export type FilterOperator = (typeof filterOperators)[number];

/** A piece of the expression, and where it begins. */
export interface Piece {
  readonly text: string;
  readonly at: number;
}

export type RawTerm =
  | { readonly kind: 'text'; readonly text: Piece }
  | { readonly kind: 'triple'; readonly field: Piece; readonly operator: FilterOperator; readonly value: Piece };

const fieldName = /^\w[\w-]*(\.\w[\w-]*)*$/;
const grammar =
  "Write terms such as 'level>=warn host=web* error.code~denied durationMs>2s': = and != take patterns with * and ?, ~ and !~ regular expressions, < <= > >= numbers; a word alone is looked for in the text";

/** Returns the terms of an expression in their order. Throws `usage`, pointing at the place, when it cannot be read. */
export function splitFilter(expression: string): RawTerm[] {
  const terms: RawTerm[] = [];
  const scanner = new Scanner(expression);
  for (scanner.skipSpace(); !scanner.atEnd; scanner.skipSpace()) terms.push(readTerm(scanner));
  return terms;
}

/** The error of an expression that cannot be read: what is wrong, and below it the expression with a mark at the place. */
export function malformedFilter(expression: string, at: number, problem: string, hint = grammar): ScapError {
  const shown = toOneLine(expression);
  const column = displayWidth(expression.slice(0, at).trimStart().replace(/\s+/g, ' '));
  return new ScapError('usage', `Cannot read the filter: ${problem}\n  ${shown}\n  ${' '.repeat(column)}^`, {
    hint,
    data: { expression, at },
  });
}

function readTerm(scanner: Scanner): RawTerm {
  const isQuoted = scanner.atQuote;
  const word = isQuoted ? scanner.readQuoted() : scanner.readWord();
  scanner.skipSpace();
  const operator = scanner.readOperator();
  if (operator === undefined) {
    if (word.text === '') throw scanner.malformed(word.at, 'there is no text between the quotes');
    return { kind: 'text', text: word };
  }
  if (isQuoted || !fieldName.test(word.text)) {
    const found = word.text === '' && !isQuoted ? 'there is no field' : `"${word.text}" is no field`;
    throw scanner.malformed(word.at, `${found} before "${operator.text}"`);
  }
  scanner.skipSpace();
  if (scanner.atEnd) throw scanner.malformed(operator.at, `there is no value after "${word.text}${operator.text}"`);
  const value = scanner.atQuote ? scanner.readQuoted() : scanner.readWord();
  // Taking it for a part of the value would hide that the value was forgotten: "host= level>=warn".
  if (scanner.atOperator) {
    const before = `${word.text}${operator.text}`;
    throw scanner.malformed(
      scanner.at,
      `what follows "${before}" holds an operator; put it into quotes, or write the value that is missing`,
    );
  }
  return { kind: 'triple', field: word, operator: operator.text, value };
}

class Scanner {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.at >= this.#text.length;
  }

  get atQuote(): boolean {
    return this.#text[this.at] === '"' || this.#text[this.at] === "'";
  }

  get atOperator(): boolean {
    return this.#operatorHere() !== undefined;
  }

  skipSpace(): void {
    while (!this.atEnd && /\s/.test(this.#text[this.at] ?? '')) this.at++;
  }

  /** Up to white space or an operator. */
  readWord(): Piece {
    const start = this.at;
    while (!this.atEnd && !/\s/.test(this.#text[this.at] ?? '') && !this.atOperator) this.at++;
    return { text: this.#text.slice(start, this.at), at: start };
  }

  /** What stands between two quotes; after them comes white space, an operator or the end. */
  readQuoted(): Piece {
    const start = this.at;
    const quote = this.#text[start];
    let text = '';
    for (this.at++; this.#text[this.at] !== quote; this.at++) {
      if (this.atEnd) throw this.malformed(start, 'this quote is not closed');
      if (this.#text[this.at] === '\\' && this.#text[this.at + 1] === quote) this.at++;
      text += this.#text[this.at];
    }
    this.at++;
    if (!this.atEnd && !/\s/.test(this.#text[this.at] ?? '') && !this.atOperator)
      throw this.malformed(this.at, 'a space belongs after the quote');
    return { text, at: start };
  }

  readOperator(): { readonly text: FilterOperator; readonly at: number } | undefined {
    const text = this.#operatorHere();
    if (text === undefined) return undefined;
    const at = this.at;
    this.at += text.length;
    if (/[=~<>]/.test(this.#text[this.at] ?? '')) {
      const written = text + this.#text[this.at];
      throw this.malformed(at, `"${written}" is no operator; those are ${filterOperators.join(' ')}`);
    }
    return { text, at };
  }

  malformed(at: number, problem: string): ScapError {
    return malformedFilter(this.#text, at, problem);
  }

  #operatorHere(): FilterOperator | undefined {
    return filterOperators.find((operator) => this.#text.startsWith(operator, this.at));
  }
}
