import type { Sample } from '../row.js';
import { quantile } from '../statistics.js';

/** Closed loops of `callers` in this process; operations a second, and what they cost it. */
export async function rateOf(
  callers: number,
  durationMs: number,
  operation: (caller: number, n: number) => Promise<unknown>,
): Promise<Sample> {
  const untilMs = performance.now() + durationMs;
  const startedAtMs = performance.now();
  const cpuBefore = process.cpuUsage();
  let count = 0;
  const loop = async (caller: number) => {
    // Bounded by the clock.
    for (let n = 0; performance.now() < untilMs; n++) {
      await operation(caller, n);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => loop(caller)));
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { value: count / seconds, details: { 'client CPU µs': (user + system) / count } };
}

/** Operations before anything is measured: code is compiled while it runs. */
const warmUpOperations = 2_000;
const warmUpMs = 600;

/** Runs each operation for a while that nobody counts. */
export async function warmUp(
  callers: number,
  operations: readonly ((caller: number) => Promise<unknown>)[],
): Promise<void> {
  for (const operation of operations) {
    let left = warmUpOperations;
    const untilMs = performance.now() + warmUpMs;
    const loop = async (caller: number) => {
      while (left-- > 0 && performance.now() < untilMs) await operation(caller);
    };
    await Promise.all(Array.from({ length: callers }, (_, caller) => loop(caller)));
  }
}

/** The middle of `count` measurements one after another, in milliseconds. */
export async function latencyOf(count: number, operation: (n: number) => Promise<number | undefined>): Promise<Sample> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const startedAtMs = performance.now();
    const measuredMs = await operation(n);
    times.push(measuredMs ?? performance.now() - startedAtMs);
  }
  return latencySample(times);
}

export function latencySample(timesMs: readonly number[]): Sample {
  return {
    value: quantile(timesMs, 0.5),
    details: { 'p90 ms': quantile(timesMs, 0.9), 'p99 ms': quantile(timesMs, 0.99) },
  };
}
