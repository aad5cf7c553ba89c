import { defineConfig } from 'vitest/config';
import { SummaryReporter } from '../summary-reporter.js';

export default defineConfig({
  test: { include: ['*.fixture.ts'], reporters: ['default', new SummaryReporter()] },
});
