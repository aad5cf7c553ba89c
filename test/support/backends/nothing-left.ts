import type { EngineHost } from '../../../src/engine/engine-host.js';

/**
 * Rejects if a watch or lease of a test is left. Cancels travel: this looks again, at most 400 times 5 ms apart. It is
 * support code and no test waits for time; the first look mostly is enough.
 */
export async function nothingLeft(host: EngineHost): Promise<void> {
  for (let look = 0; look < 400; look++) {
    const { watchers, leases } = host.stats();
    if (watchers === 0 && leases === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { watchers, leases } = host.stats();
  if (watchers > 0 || leases > 0) throw new Error(`left behind: ${watchers} watches, ${leases} leases`);
}
