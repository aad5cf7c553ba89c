import fc from 'fast-check';

/** Holds `check` to be free of throws for everything that `arbitrary` makes. */
export function forAll<T>(arbitrary: fc.Arbitrary<T>, check: (value: T) => void, numRuns = 300): void {
  fc.assert(
    fc.property(arbitrary, (value) => {
      check(value);
    }),
    { numRuns },
  );
}

/** Passes over a generated value that does not fit. */
export function only(fits: boolean): asserts fits {
  fc.pre(fits);
}
