/** CLOCK_MONOTONIC in milliseconds with fractions: one clock for all processes of a machine, whatever the wall says. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

/** Asks until `look` says something that counts, at most for `boundMs`; undefined: it never did. */
export async function until<T>(
  boundMs: number,
  look: () => T | Promise<T>,
  everyMs = 20,
): Promise<Exclude<T, false | undefined> | undefined> {
  const endMs = monotonicMs() + boundMs;
  // Bounded by `boundMs`.
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found as Exclude<T, false | undefined>;
    if (monotonicMs() >= endMs) return undefined;
    await sleep(everyMs);
  }
}
