import { defineConfig } from 'vitest/config';

// Nothing special is needed; this file only keeps the one of Conclave's own tests out.
export default defineConfig({});
