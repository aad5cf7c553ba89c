/** CLOCK_MONOTONIC in milliseconds with fractions: one clock for all processes of a machine, whatever the wall says. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

/** Asks until `look` says yes, at most for `boundMs`; false: it never did. */
export async function until(boundMs: number, look: () => boolean | Promise<boolean>, everyMs = 20): Promise<boolean> {
  const endMs = monotonicMs() + boundMs;
  // Bounded by `boundMs`.
  for (;;) {
    if (await look()) return true;
    if (monotonicMs() >= endMs) return false;
    await sleep(everyMs);
  }
}
