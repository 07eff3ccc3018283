import { ScapError } from '../core/errors.ts';

/** Keys and list positions that lead from the top of the file to a value. */
export type KeyPath = readonly (string | number)[];

/** A place in the file; lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Something wrong (or doubtful) with the value at `path`. */
export interface Problem extends Position {
  readonly path: KeyPath;
  readonly message: string;
}

/** Writes a path as people read it: `groups[0].hosts[1]`, `hosts["mw[1:9]"].cache`; the empty string for the top. */
export function formatKeyPath(path: KeyPath): string {
  return path
    .map((key, at) => {
      if (typeof key === 'number') return `[${key}]`;
      if (!/^[\w-]+$/.test(key)) return `[${JSON.stringify(key)}]`;
      return at === 0 ? key : `.${key}`;
    })
    .join('');
}

/** One line: `file:line:column: path: message`. */
export function formatProblem(file: string, { line, column, path, message }: Problem): string {
  const where = `${file}:${line}:${column}`;
  return path.length === 0 ? `${where}: ${message}` : `${where}: ${formatKeyPath(path)}: ${message}`;
}

/** The one error for everything that is wrong with a file, in the order of its lines. */
export function invalidConfig(file: string, problems: readonly Problem[]): ScapError {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const count = sorted.length === 1 ? '1 problem' : `${sorted.length} problems`;
  const lines = sorted.map((problem) => `\n  ${formatProblem(file, problem)}`).join('');
  return new ScapError('config_invalid', `Cannot use the configuration "${file}": ${count}${lines}`, {
    hint: 'Correct these lines; docs/operations.md describes every key ("Configuration")',
    data: {
      file,
      problems: sorted.map(({ line, column, path, message }) => ({
        line,
        column,
        path: formatKeyPath(path),
        message,
      })),
    },
  });
}
