import type { Part } from './report.ts';

/** Formats a report for a terminal: aligned columns. */
export function formatText(parts: readonly Part[]): string {
  const blocks = parts.map((part) =>
    part.kind === 'text' ? part.lines.join('\n') : [part.title, ...alignRows([part.header, ...part.rows])].join('\n'),
  );
  return `${blocks.join('\n\n')}\n`;
}

/** Formats a report as Markdown. */
export function formatMarkdown(parts: readonly Part[]): string {
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.trim().replaceAll('|', '\\|')).join(' | ')} |`;
  const blocks = parts.map((part) => {
    if (part.kind === 'text') return part.lines.join('\n');
    const separator = row(part.header.map(() => '---'));
    return [`**${part.title}**`, '', row(part.header), separator, ...part.rows.map(row)].join('\n');
  });
  return `${blocks.join('\n\n')}\n`;
}

function alignRows(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? [];
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd(),
  );
}
