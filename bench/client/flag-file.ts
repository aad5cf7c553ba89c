import type { FlagDefinition, FlagFile } from '../../src/flags/flag.js';

const onOff = { state: 'ENABLED', variants: { on: 'yes', off: 'no' }, defaultVariant: 'off' } as const;

/** As many flags as a large shop has: of ten four are plain, two roll out, two have rules, two share one. */
export function flagFile(count: number): FlagFile {
  const flags = Object.fromEntries(Array.from({ length: count }, (_, i) => [flagName(i), flagAt(i)]));
  const staff = { ends_with: [{ var: 'email' }, '@example.org'] };
  return { flags, $evaluators: { staff } };
}

export function flagName(i: number): string {
  return `flag-${i}`;
}

function flagAt(i: number): FlagDefinition {
  const kind = i % 10;
  if (kind < 4) return onOff;
  if (kind < 6)
    return {
      ...onOff,
      targeting: {
        fractional: [
          ['on', kind * 10],
          ['off', 100 - kind * 10],
        ],
      },
    };
  if (kind < 8) return { ...onOff, targeting: { if: [{ in: [{ var: 'country' }, ['de', 'fr', 'it']] }, 'on', 'off'] } };
  return { ...onOff, targeting: { if: [{ $ref: 'staff' }, 'on', 'off'] } };
}

/** Who asks. */
export function contextAt(i: number) {
  return { targetingKey: `user-${i % 1_000}`, email: `user-${i}@example.org`, country: i % 2 === 0 ? 'de' : 'us' };
}

/** Evaluations one after another, flag by flag, for so long; how many a second. */
export function evaluationRate(
  count: number,
  durationMs: number,
  evaluate: (name: string, i: number) => unknown,
): number {
  const startedAtMs = performance.now();
  let done = 0;
  // Bounded by the clock.
  while (performance.now() < startedAtMs + durationMs) {
    for (let i = 0; i < 1_000; i++) evaluate(flagName((done + i) % count), done + i);
    done += 1_000;
  }
  return (done / (performance.now() - startedAtMs)) * 1_000;
}

/** How many of `after` are not the very objects that they were. */
export function madeAnew<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): number {
  return [...after].filter(([name, each]) => before.get(name) !== each).length;
}
