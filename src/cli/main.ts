#!/usr/bin/env node
import { run } from './run.js';

// Who reads our output may go first, as `head -1` does: then the next signal ends us, not an uncaught EPIPE.
process.stdout.on('error', () => process.kill(process.pid, 'SIGTERM'));
process.stderr.on('error', () => {});

void run(process.argv.slice(2));
