import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alternate } from './alternate.js';
import { fullScale, Lab, quickScale, type Scale } from './lab.js';
import { commit, environmentOf } from './report/environment.js';
import { KeptResults } from './report/kept-results.js';
import { verdictsOf } from './report/markdown.js';
import type { Row } from './row.js';
import { allRows } from './rows/rows.js';

// npm run bench                          every row; writes bench/RESULTS.md and the curves beside it
// npm run bench -- --quick               under two minutes: fewer and shorter rounds; writes below .cache/bench
// npm run bench -- --only ROW            one row, or those whose ids begin so, may be repeated; below .cache/bench, too
// npm run bench -- --only ROW --keep     the same, into bench/RESULTS.md in the place of the old ones
// npm run bench -- --list                what rows there are
// npm run bench -- --rounds N            other than the usual number of rounds

const root = fileURLToPath(new URL('../../..', import.meta.url));
const dataFolder = join(root, '.cache', 'bench');
const values = flags();

process.exitCode = await main();

function flags() {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        keep: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        rounds: { type: 'string' },
      },
    }).values;
  } catch (error) {
    return refuse((error as Error).message);
  }
}

/** What was asked for makes no sense. */
function refuse(why: string): never {
  console.error(`bench: ${why}`);
  process.exit(2);
}

async function main(): Promise<number> {
  const rows = chosen(allRows());
  if (rows.length === 0) refuse(`no row is called ${values.only.join(' or ')}; --list names them`);
  if (values.quick && values.keep) refuse('what --quick measures is not for RESULTS.md');
  if (values.list) {
    for (const { id, title } of rows) console.log(`${id.padEnd(28)} ${title}`);
    return 0;
  }
  const scale = scaleOf();
  const isWhole = !values.quick && values.only.length === 0;
  const folder = isWhole || values.keep ? join(root, 'bench') : join(root, '.cache', 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const results = new KeptResults(folder, allRows());
  if (values.keep) results.load();
  await measureAll(rows, scale, results);
  console.log(`\n${results.save(environmentOf(scale, dataFolder))}\nwritten to ${join(folder, 'RESULTS.md')}`);
  return results.failed.size === 0 ? 0 : 1;
}

function chosen(rows: readonly Row[]): readonly Row[] {
  if (values.only.length > 0) return rows.filter(({ id }) => values.only.some((name) => id.startsWith(name)));
  return values.quick ? rows.filter(({ fullOnly }) => fullOnly !== true) : rows;
}

function scaleOf(): Scale {
  const scale = values.quick ? quickScale : fullScale;
  if (values.rounds === undefined) return scale;
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) refuse(`--rounds takes a whole number, not ${values.rounds}`);
  return { ...scale, rounds };
}

/** A row that fails leaves the others alone, and is told of. */
async function measureAll(rows: readonly Row[], scale: Scale, results: KeptResults): Promise<void> {
  const environment = environmentOf(scale, dataFolder);
  const lab = new Lab(scale);
  const startedAtMs = performance.now();
  try {
    for (const [i, row] of rows.entries()) {
      const progress = (text: string) => {
        const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
        console.log(`[${seconds} s] ${i + 1}/${rows.length} ${row.id} ${text}`);
      };
      progress(row.title);
      try {
        const measured = await alternate(row, lab, (subject, round, rounds) => {
          if (!scale.quick) progress(`${round}/${rounds} ${subject}`);
        });
        results.add({ ...measured, origin: originNow() });
        for (const { text, outcome } of verdictsOf(measured)) console.log(`    ${text} (${outcome})`);
      } catch (error) {
        results.fail(row.id, error instanceof Error ? error.message : String(error));
        console.error(error);
      }
      results.save(environment);
    }
  } finally {
    await lab.close();
  }
}

function originNow(): string {
  return `${new Date().toISOString().slice(0, 16)}Z, commit ${commit()}`;
}
