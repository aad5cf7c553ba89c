import ts from 'typescript';
import { nodesOf, type Source, type Violation } from './source.js';

/** DESIGN section 5: what every recipe's README says, in this order. */
const sections = [
  'Status',
  'Promises',
  'What it does not promise',
  'Keys',
  'Steps',
  'Invariants',
  'When things fail',
  'Cost',
  'Prior art',
] as const;

/** The rows of "When things fail". */
const faults = ['lost reply', 'lost lease', 'compaction', 'process pause', 'store restart'] as const;

export interface Readme {
  readonly path: string;
  readonly text: string;
}

/** Every section, in order, and every fault. */
export function sectionsRule(readme: Readme): Violation[] {
  const headings = readme.text.split('\n').flatMap((text, i) => {
    const heading = /^#{2,3} (.*)$/.exec(text)?.[1];
    return heading === undefined ? [] : [{ heading: heading.toLowerCase(), line: i + 1 }];
  });
  const found: Violation[] = [];
  let after = 0;
  for (const section of sections) {
    const at = headings.find(({ heading }) => heading.startsWith(section.toLowerCase()));
    if (at === undefined) found.push({ path: readme.path, line: 1, message: `no section "${section}"` });
    else if (at.line < after) found.push({ path: readme.path, line: at.line, message: `"${section}" is out of order` });
    else after = at.line;
  }
  const failures = sectionText(readme, 'When things fail').toLowerCase();
  for (const fault of faults) {
    if (!failures.includes(fault)) found.push({ path: readme.path, line: 1, message: `no row for "${fault}"` });
  }
  return found;
}

/** `LOCK-1` and so on, as the section "Invariants" numbers them. */
export function invariantsOf(readme: Readme): string[] {
  return idsIn(sectionText(readme, 'Invariants'));
}

/** The ids in the titles of suites and tests. */
export function idsInTitles(source: Source): string[] {
  return nodesOf(source).flatMap((node) => {
    if (!ts.isCallExpression(node) || !/^(it|test|describe|promise|check)/.test(node.expression.getText())) return [];
    const title = node.arguments[0];
    if (title === undefined) return [];
    return ts.isStringLiteralLike(title) || ts.isTemplateExpression(title) ? idsIn(title.getText()) : [];
  });
}

/** Ids that only one side has. Names of standards look like ids and are none. */
export function oneSided(documented: readonly string[], tested: readonly string[]): string[] {
  const [inReadme, inTitles] = [new Set(documented), new Set(tested)];
  return [
    ...[...inReadme].filter((id) => !inTitles.has(id)).map((id) => `${id} is in a README, in no test title`),
    ...[...inTitles].filter((id) => !inReadme.has(id)).map((id) => `${id} is in a test title, in no README`),
  ];
}

function idsIn(text: string): string[] {
  return [...text.matchAll(/\b[A-Z]{2,}(?:-[A-Z]+)*-\d+\b/g)]
    .map(([id]) => id)
    .filter((id) => !/^(CVE|UTF|SHA|ISO|RFC|AES|TLS|HTTP|BASE)-/.test(id));
}

function sectionText(readme: Readme, title: string): string {
  const lines = readme.text.split('\n');
  const start = lines.findIndex((line) => line.toLowerCase().startsWith(`## ${title.toLowerCase()}`));
  if (start < 0) return '';
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => line.startsWith('## '));
  return rest.slice(0, end < 0 ? undefined : end).join('\n');
}
