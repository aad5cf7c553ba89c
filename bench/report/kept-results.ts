import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kept, Row, Sample } from '../row.js';
import { chartsOf } from './chart.js';
import type { Environment } from './environment.js';
import { markdownOf, verdictsOf } from './markdown.js';

/** As they stand in `results.json`, by row. */
type Stored = Record<string, { readonly origin: string; readonly load: number; samples: Record<string, Sample[]> }>;

/** The results in one folder: `results.json`, which can be gone on with, `RESULTS.md` and the curves made of it. */
export class KeptResults {
  readonly #folder: string;
  readonly #rows: readonly Row[];
  readonly #kept = new Map<string, Kept>();
  readonly #failed = new Map<string, string>();

  /** `rows`: all that there are, in the order of the table. */
  constructor(folder: string, rows: readonly Row[]) {
    this.#folder = folder;
    this.#rows = rows;
  }

  get failed(): ReadonlyMap<string, string> {
    return this.#failed;
  }

  /** Takes over what an earlier run has left there. */
  load(): void {
    const stored = JSON.parse(readFileSync(this.#file, 'utf8')) as Stored;
    for (const row of this.#rows) {
      const found = stored[row.id];
      if (found === undefined) continue;
      const kept = { ...found, row, samples: new Map(Object.entries(found.samples)) };
      if (hasAll(kept)) this.#kept.set(row.id, kept);
    }
  }

  add(kept: Kept): void {
    this.#kept.set(kept.row.id, kept);
  }

  fail(id: string, why: string): void {
    this.#kept.delete(id);
    this.#failed.set(id, why);
  }

  /** Writes everything; returns the report. After each row, so that a run that is broken off leaves what it has. */
  save(environment: Environment): string {
    const measured = this.#rows.flatMap(({ id }) => this.#kept.get(id) ?? []);
    const stored: Stored = {};
    for (const { row, origin, load, samples } of measured) {
      stored[row.id] = {
        origin,
        load,
        samples: Object.fromEntries([...samples].map(([name, list]) => [name, [...list]])),
      };
    }
    writeFileSync(this.#file, `${JSON.stringify(stored)}\n`);
    const charts = chartsOf(measured);
    for (const [file, svg] of charts) writeFileSync(join(this.#folder, file), svg);
    const missing = this.#rows.map(({ id }) => id).filter((id) => !this.#kept.has(id) && !this.#failed.has(id));
    const report = markdownOf({ environment, measured, failed: this.#failed, missing, charts: [...charts.keys()] });
    writeFileSync(join(this.#folder, 'RESULTS.md'), report);
    return report;
  }

  get #file(): string {
    return join(this.#folder, 'results.json');
  }
}

/** A row may have come to ask for more than was measured then. */
function hasAll(kept: Kept): boolean {
  try {
    verdictsOf(kept);
    return true;
  } catch {
    return false;
  }
}
