import { valuesOf } from '../alternate.js';
import type { Measured } from '../row.js';
import { median } from '../statistics.js';

const width = 640;
const height = 360;
const margin = { left: 80, right: 170, top: 40, bottom: 50 };
const colours = ['#0b6e4f', '#c8553d', '#2f4b7c', '#e0a030', '#7a5195', '#555555'];

interface Curve {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** One SVG per chart that the rows have points of, by file name. */
export function chartsOf(measured: readonly Measured[]): Map<string, string> {
  const names = new Set(measured.flatMap(({ row }) => row.point?.chart ?? []));
  return new Map(
    [...names].flatMap((name) => {
      const rows = measured.filter(({ row }) => row.point?.chart === name);
      return rows.length < 2 ? [] : [[`${name}.svg`, chartOf(name, rows)] as const];
    }),
  );
}

function chartOf(name: string, rows: readonly Measured[]): string {
  const curves = curvesOf(rows);
  const xs = [...new Set(rows.map(({ row }) => row.point?.x ?? 0))].sort((a, b) => a - b);
  const yMax = Math.max(...curves.flatMap(({ points }) => points.map(({ y }) => y))) * 1.05;
  const xOf = (x: number) => margin.left + (xs.indexOf(x) / (xs.length - 1)) * (width - margin.left - margin.right);
  const yOf = (y: number) => height - margin.bottom - (y / yMax) * (height - margin.top - margin.bottom);
  const first = rows[0]?.row;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${name}</title>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    `<text x="${margin.left}" y="22" font-size="15">${name}: ${first?.unit}</text>`,
    ...[0, 0.25, 0.5, 0.75, 1].map((part) => gridLine(yOf(part * yMax), part * yMax)),
    ...xs.map((x) => `<text x="${xOf(x)}" y="${height - margin.bottom + 20}" text-anchor="middle">${x}</text>`),
    `<text x="${margin.left}" y="${height - 10}">${first?.point?.xLabel}</text>`,
    ...curves.map((curve, i) => curveOf(curve, colours[i % colours.length] as string, i, xOf, yOf)),
    '</svg>',
    '',
  ].join('\n');
}

function curvesOf(rows: readonly Measured[]): Curve[] {
  const names = new Set(rows.flatMap(({ samples }) => [...samples.keys()]));
  return [...names].map((name) => ({
    name,
    points: rows.flatMap((measured) => {
      const { point } = measured.row;
      if (point === undefined || !measured.samples.has(name)) return [];
      return [{ x: point.x, y: median(valuesOf(measured, name)) }];
    }),
  }));
}

function gridLine(y: number, value: number): string {
  const text = value >= 1_000 ? `${Math.round(value / 100) / 10}k` : String(Number(value.toPrecision(2)));
  return [
    `<line x1="${margin.left}" x2="${width - margin.right}" y1="${y}" y2="${y}" stroke="#dddddd"/>`,
    `<text x="${margin.left - 8}" y="${y + 4}" text-anchor="end">${text}</text>`,
  ].join('');
}

function curveOf(
  { name, points }: Curve,
  colour: string,
  index: number,
  xOf: (x: number) => number,
  yOf: (y: number) => number,
): string {
  const at = points.map(({ x, y }) => `${xOf(x).toFixed(1)},${yOf(y).toFixed(1)}`);
  const legendY = margin.top + index * 18;
  return [
    `<polyline points="${at.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...at.map((each) => `<circle cx="${each.split(',')[0]}" cy="${each.split(',')[1]}" r="3" fill="${colour}"/>`),
    `<text x="${width - margin.right + 12}" y="${legendY}" fill="${colour}">${name}</text>`,
  ].join('');
}
