/** How one is added. */
export type Counting = 'conclave' | 'read and guarded put';

/** Callers of one process add ones for so long. */
export interface CounterJob {
  readonly how: Counting;
  readonly url: string;
  readonly callers: number;
  readonly durationMs: number;
}

export interface CounterResult {
  readonly perSecond: number;
  readonly cpuMicros: number;
}
