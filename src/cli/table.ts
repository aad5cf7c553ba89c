/** A cell: text is set left, numbers right, nothing as `-`. */
export type Cell = string | number | bigint | undefined;

/**
 * Rows under headings, columns two blanks apart, as lines for people. What could move a terminal's cursor or turn its
 * writing around is shown as an escape: names come from whoever has made the locks.
 */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = [headings, ...rows].map((row) => row.map(shown));
  const widths = headings.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  const isNumber = headings.map((_, column) => isNumeric(rows.map((row) => row[column])));
  const line = (row: readonly string[]) =>
    row
      .map((text, column) => (isNumber[column] ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return texts.map(line).join('\n');
}

/** `text` with control and format characters as escapes. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\u2028\u2029]/gu, (char) => `\\u{${(char.codePointAt(0) as number).toString(16)}}`);
}

/** Milliseconds for people: `350ms`, `12s`, `4m10s`, `2h05m`, `3d04h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const two = (value: number) => value.toString().padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
  return `${Math.floor(minutes / 1440)}d${two(Math.floor((minutes % 1440) / 60))}h`;
}

function shown(cell: Cell): string {
  return cell === undefined ? '-' : printable(cell.toString());
}

function isNumeric(cells: readonly Cell[]): boolean {
  const there = cells.filter((cell) => cell !== undefined);
  return there.length > 0 && there.every((cell) => typeof cell !== 'string');
}
