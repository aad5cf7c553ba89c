import { type Counts, type Figures, percentile } from './figures.js';

const columns = [
  'fault',
  'windows',
  'acquisitions',
  'acknowledged',
  'unknown',
  'lost',
  'doubled',
  'violations',
] as const satisfies readonly (keyof Counts)[];

/** Rows of one run, by fault. */
export function table(work: string, rows: readonly Counts[]): string {
  const cells = [['workload', ...columns], ...rows.map((row) => [work, ...columns.map((name) => String(row[name]))])];
  const widths = cells[0]?.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0))) ?? [];
  const show = (row: readonly string[]) =>
    row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  return cells.map(show).join('\n');
}

export function figuresText({ handover, takeover, outage, detection }: Figures): string {
  const shown = [
    ['hand-over after release', handover],
    ['takeover from a holder that stopped, died or lost it', takeover],
    ['from the kill of a leader to the next answered write', outage],
    ['from the end of a lost key to the holder that knows it', detection],
  ] as const;
  return shown
    .filter(([, values]) => values.length > 0)
    .map(
      ([what, values]) =>
        `${what}: n ${values.length}, ${['p50', 'p99', 'max'].map((name) => at(name, values)).join(', ')}`,
    )
    .join('\n');
}

function at(name: string, values: readonly number[]): string {
  const share = { p50: 0.5, p99: 0.99, max: 1 }[name] ?? 1;
  return `${name} ${percentile(values, share).toFixed(0)} ms`;
}

export function sum(rows: readonly Counts[], name: Exclude<keyof Counts, 'fault'>): number {
  return rows.reduce((total, row) => total + row[name], 0);
}
