import { byChance, type Runtime } from '../core/runtime.js';

/** How long a failed job waits before it is handed out again. */
export interface Backoff {
  /** After the first failure; doubled with each further one. Milliseconds. */
  readonly firstMs: number;
  readonly mostMs: number;
}

/** Half of it fixed, half by chance, so that jobs that failed together do not come back together. */
export function backoffMs(runtime: Runtime, { firstMs, mostMs }: Backoff, attempts: number): number {
  const fullMs = Math.min(mostMs, firstMs * 2 ** Math.min(attempts - 1, 40));
  return Math.round(fullMs / 2 + (fullMs / 2) * byChance(runtime));
}
