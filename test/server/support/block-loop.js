// Loaded into a server's process: SIGUSR2 blocks its event loop for 3 s. $BLOCK_LOOP_WITHOUT names the module of
// `LoopGap`, which is then made blind: the fault that a test must see.
import { writeSync } from 'node:fs';

const blockMs = 3_000;

process.on('SIGUSR2', () => {
  writeSync(1, 'blocked\n');
  const untilMs = performance.now() + blockMs;
  while (performance.now() < untilMs);
});

if (process.env.BLOCK_LOOP_WITHOUT !== undefined) {
  const { LoopGap } = await import(process.env.BLOCK_LOOP_WITHOUT);
  LoopGap.prototype.check = () => 0;
}
