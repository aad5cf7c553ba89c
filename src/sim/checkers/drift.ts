/** How far off the clocks of clients may run: a deadline has room for the first, and what is early costs nothing. */
export const drift = { slow: 1.01, fast: 1.05 } as const;
