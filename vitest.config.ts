import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './test/support/summary-reporter.js';

// The tests of Conclave. `CONCLAVE_TEST_ETCD=none` leaves real etcd out, as `npm run check` does.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Handles, not the clock, decide when a process is done: see test/support/leaks.ts.
    teardownTimeout: 10_000,
    pool: 'forks',
    // One for each core, not one less: half of the time of a test is its servers' and children's.
    maxWorkers: '100%',
    globalSetup: ['./test/support/global-setup.ts'],
    reporters: ['default', new SummaryReporter()],
  },
});
