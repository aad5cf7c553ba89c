import { valuesOf } from '../alternate.js';
import type { Kept, Measured, Sample } from '../row.js';
import { median, spreadOf } from '../statistics.js';
import { bounded, type Comparison, compare, type Outcome } from '../verdict.js';
import type { Environment } from './environment.js';

export interface Report {
  readonly environment: Environment;
  readonly measured: readonly Kept[];
  /** Rows that could not be measured, and why. */
  readonly failed: ReadonlyMap<string, string>;
  /** Rows that were not asked for. */
  readonly missing: readonly string[];
  /** Files of the curves, beside the report. */
  readonly charts: readonly string[];
}

export function markdownOf({ environment, measured, failed, missing, charts }: Report): string {
  return [
    '# Results',
    '',
    'Written by `npm run bench`; [README.md](README.md) says what the rows mean. Values are medians with first and',
    'third quartile. Ratios are taken round by round, then their median: how many times better the first is than the',
    'second.',
    '',
    ...environment.lines.map((line) => `- ${line}`),
    '',
    ...summaryOf(measured),
    ...[...failed].map(([id, why]) => `- \`${id}\` could not be measured: ${why.split('\n')[0]}`),
    ...(missing.length === 0 ? [] : [`- not in this run: ${missing.join(', ')}`]),
    '',
    ...charts.map((file) => `![${file}](${file})`),
    '',
    ...measured.flatMap(rowSection),
  ].join('\n');
}

/** The verdicts of all rows, and those that are not met by name. */
function summaryOf(measured: readonly Kept[]): string[] {
  const all = measured.flatMap((each) => verdictsOf(each).map((verdict) => ({ id: each.row.id, ...verdict })));
  const count = (outcome: Outcome) => all.filter((each) => each.outcome === outcome).length;
  const missed = all.filter(({ outcome }) => outcome === 'not met');
  return [
    `**${count('met')} aims met, ${count('not met')} not met.**`,
    '',
    ...missed.map(({ id, text }) => `- not met: \`${id}\`: ${text}`),
  ];
}

function rowSection(measured: Kept): string[] {
  const { row, samples, load, origin } = measured;
  const better = row.better === 'more' ? 'more is better' : 'less is better';
  return [
    `## ${row.id}`,
    '',
    `${row.title}; ${row.unit}, ${better}. ${origin}, load average ${load.toFixed(1)}.`,
    '',
    `| | ${row.unit} | beside it |`,
    '|---|---|---|',
    ...[...samples].map(([name, list]) => `| ${name} | ${spreadText(list)} | ${detailsText(list)} |`),
    '',
    ...verdictsOf(measured).map(({ text, outcome }) => `- ${text}${outcome === 'no aim' ? '' : `: **${outcome}**`}`),
    '',
  ];
}

interface Verdict {
  readonly text: string;
  readonly outcome: Outcome;
}

/** What is asked of a row, and how it stands. */
export function verdictsOf(measured: Measured): Verdict[] {
  const { row, samples } = measured;
  // Of a subject that was not there, or not there yet when it was measured, nothing can be said.
  const isMeasured = ({ of, to }: Comparison) => samples.has(of) && samples.has(to);
  const comparisons = row.comparisons.filter(isMeasured).map((each): Verdict => {
    const { of, to, detail } = each;
    const better = detail === undefined ? row.better : 'less';
    const result = compare(each, valuesOf(measured, of, detail), valuesOf(measured, to, detail), better);
    const { ratio, aim, outcome } = result;
    const wanted = aim === undefined ? '' : `, wanted ${numberText(aim)}`;
    const what = `${of} / ${to}${detail === undefined ? '' : `, ${detail}`}`;
    const text = `${what}: ${numberText(ratio.middle)} (${numberText(ratio.low)} to ${numberText(ratio.high)})`;
    const why = outcome === 'not met' && row.because !== undefined ? `; because ${row.because}` : '';
    return { text: text + wanted + why, outcome };
  });
  const bounds = (row.bounds ?? []).map((each): Verdict => {
    const { of, detail, value, atMost, outcome } = bounded(each, valuesOf(measured, each.of, each.detail));
    return { text: `${of}, ${detail ?? row.unit}: ${numberText(value)}, at most ${numberText(atMost)}`, outcome };
  });
  return [...comparisons, ...bounds];
}

function spreadText(list: readonly Sample[]): string {
  const { low, middle, high } = spreadOf(list.map(({ value }) => value));
  return `**${numberText(middle)}** (${numberText(low)} to ${numberText(high)})`;
}

function detailsText(list: readonly Sample[]): string {
  const names = Object.keys(list[0]?.details ?? {});
  return names
    .map((name) => `${name} ${numberText(median(list.map(({ details }) => details?.[name] ?? 0)))}`)
    .join(', ');
}

/** Three digits that count; thousands in full. */
export function numberText(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}
