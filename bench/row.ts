import type { Lab } from './lab.js';
import type { Better } from './statistics.js';
import type { Bound, Comparison } from './verdict.js';

/** One measurement of one subject. */
export interface Sample {
  readonly value: number;
  /** What was seen beside it, by a name that carries its unit: `server CPU µs/call`. */
  readonly details?: Readonly<Record<string, number>> | undefined;
}

export type Measure = () => Promise<Sample>;

/** What a row measures, ready to be measured. */
export interface Opened {
  /** In the order in which each round takes them. */
  readonly subjects: ReadonlyMap<string, Measure>;
  close(): Promise<void>;
}

/** A point of a curve. */
export interface Point {
  readonly chart: string;
  readonly x: number;
  readonly xLabel: string;
}

/** One line of the table: subjects that are measured in turn, and what is asked of them. */
export interface Row {
  /** As `server/put-64`; `--only` takes it or how it begins. */
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly better: Better;
  readonly comparisons: readonly Comparison[];
  readonly bounds?: readonly Bound[] | undefined;
  readonly point?: Point | undefined;
  /** Too long for `--quick`, which leaves it out. */
  readonly fullOnly?: boolean | undefined;
  /** Known to be the reason where an aim is missed. */
  readonly because?: string | undefined;
  /** How often each subject is measured, where that is not the run's own number. */
  readonly rounds?: number | undefined;
  open(lab: Lab): Promise<Opened>;
}

/** Every measurement of a row. */
export interface Measured {
  readonly row: Row;
  /** One sample per round. */
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
  /** The machine's load average in the middle of the row. */
  readonly load: number;
}

/** A measured row that results keep, with when and of what it was measured. */
export interface Kept extends Measured {
  readonly origin: string;
}
