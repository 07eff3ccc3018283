import ignore from 'ignore';
import { type BytePath, fromText } from '../core/byte-path.ts';

/** Decides what of the staging tree never ships. */
export interface Excluder {
  /** What it was made of: two excluders of the same patterns decide alike. */
  readonly patterns: readonly string[];
  /** Tells whether a pattern names this file or directory. Below an excluded directory nothing is asked. */
  excludes(path: BytePath, isDirectory: boolean): boolean;
}

/**
 * Makes an excluder of patterns in gitignore syntax, relative to the staging directory; a later pattern overrides an earlier one,
 * `!` takes back in. Case matters. Names that are not UTF-8 are matched by their bytes.
 */
export function createExcluder(patterns: readonly string[]): Excluder {
  if (patterns.length === 0) return { patterns, excludes: () => false };
  const rules = ignore({ ignoreCase: false }).add(patterns.map(fromText));
  return { patterns, excludes: (path, isDirectory) => rules.ignores(isDirectory ? `${path}/` : path) };
}
