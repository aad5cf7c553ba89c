import { loadavg } from 'node:os';
import type { Lab } from './lab.js';
import type { Measured, Row, Sample } from './row.js';

/** Called before each measurement. */
export type OnProgress = (subject: string, round: number, rounds: number) => void;

/** Measures the subjects of a row in turn, A B A B …, so that all of them have the same share of what else goes on. */
export async function alternate(row: Row, lab: Lab, onProgress: OnProgress): Promise<Measured> {
  const rounds = row.rounds ?? lab.scale.rounds;
  const opened = await row.open(lab);
  try {
    const samples = new Map<string, Sample[]>([...opened.subjects.keys()].map((name) => [name, []]));
    const loads: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      for (const [name, measure] of opened.subjects) {
        onProgress(name, round, rounds);
        samples.get(name)?.push(await measure());
      }
      loads.push(loadavg()[0] as number);
    }
    return { row, samples, load: loads[Math.floor(loads.length / 2)] as number };
  } finally {
    await opened.close();
  }
}

/** What one subject of a row gave in each round: the row's own value, or a detail of it. */
export function valuesOf({ row, samples }: Measured, subject: string, detail?: string): number[] {
  const list = samples.get(subject);
  if (list === undefined)
    throw new Error(`${row.id} has no subject ${subject}, only ${[...samples.keys()].join(', ')}`);
  return list.map((sample) => read(sample, detail));
}

function read({ value, details }: Sample, detail: string | undefined): number {
  if (detail === undefined) return value;
  const found = details?.[detail];
  if (found === undefined) throw new Error(`no detail ${detail}, only ${Object.keys(details ?? {}).join(', ')}`);
  return found;
}
