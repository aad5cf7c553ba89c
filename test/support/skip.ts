import { describe } from 'vitest';

/**
 * A suite that is skipped says why in its title, where every reporter shows it; `summary-reporter.ts` counts by reason.
 */
export function describeSkipped(title: string, reason: string, fn: () => void): void {
  describe.skip(`${title} [skipped: ${reason}]`, fn);
}

export function reasonInTitle(title: string): string | undefined {
  return /\[skipped: (.*)\]$/s.exec(title)?.[1];
}
