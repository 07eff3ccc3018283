import { displayWidth, padText, toOneLine, truncateText } from './plain-text.ts';

export type Cell = string | number | undefined;

export interface Column {
  readonly header: string;
  /** Left unless every cell of the column is a number. */
  readonly align?: 'left' | 'right';
  /** Colours a padded cell; must not change what is visible. */
  readonly style?: (text: string) => string;
}

export interface TableOptions {
  /** Width of the terminal: longer lines end in `…`. Unlimited by default, so that nothing is lost in a pipe. */
  readonly width?: number | undefined;
  /** Colours a header. */
  readonly headerStyle?: (text: string) => string;
}

const gap = 2;

/**
 * Formats rows below headers, one line each, without trailing spaces. Cells are made safe for a terminal; an absent one stays empty;
 * numbers are formatted `1,234`.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  options: TableOptions = {},
): string[] {
  const { width: maxWidth = Number.POSITIVE_INFINITY, headerStyle = (text) => text } = options;
  const texts = rows.map((row) => columns.map((_, i) => cellText(row[i])));
  const widths = columns.map(({ header }, i) =>
    Math.max(displayWidth(header), ...texts.map((row) => displayWidth(row[i] ?? ''))),
  );
  const aligns = columns.map(({ align }, i) => align ?? (isNumeric(rows, i) ? 'right' : 'left'));
  const layOut = (cells: readonly string[], styleOf: (i: number) => Column['style']) => {
    const last = cells.findLastIndex((cell) => cell !== '');
    let room = maxWidth;
    let line = '';
    for (const [i, cell] of cells.slice(0, last + 1).entries()) {
      const padded = i === last && aligns[i] === 'left' ? cell : padText(cell, widths[i] ?? 0, aligns[i]);
      const shown = truncateText(i === 0 ? padded : ' '.repeat(gap) + padded, Math.max(0, room));
      room -= displayWidth(shown);
      line += styleOf(i)?.(shown) ?? shown;
    }
    return line;
  };
  const headers = columns.map(({ header }) => header);
  return [layOut(headers, () => headerStyle), ...texts.map((cells) => layOut(cells, (i) => columns[i]?.style))];
}

function cellText(cell: Cell): string {
  return typeof cell === 'number' ? cell.toLocaleString('en-US') : toOneLine(cell ?? '');
}

function isNumeric(rows: readonly (readonly Cell[])[], column: number): boolean {
  const cells = rows.map((row) => row[column]).filter((cell) => cell !== undefined);
  return cells.length > 0 && cells.every((cell) => typeof cell === 'number');
}
