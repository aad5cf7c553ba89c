import { monotonicMs, sleep } from '../clock.js';
import type { Fault } from './fault.js';

/** History vanishes right behind the present, again and again, with a defragmentation of each member in between. */
export const compaction: Fault = {
  word: 'compaction',
  run: async (trial) => {
    const endMs = monotonicMs() + trial.longMs;
    let compacted = 0;
    for (let turn = 0; monotonicMs() < endMs; turn++) {
      const { members } = trial.cluster;
      const member = members[turn % members.length];
      // Only what the witness has seen: the run is judged by it.
      const upTo = trial.witness.revision - BigInt(trial.random.below(3));
      try {
        await member?.gateway.compact(upTo);
        compacted += 1;
        if (turn % 10 === 9) await member?.gateway.defragment();
      } catch {
        // Already compacted up to there, or an election is under way.
      }
      await sleep(trial.random.between(20, 150));
    }
    trial.note({ word: 'compaction', compacted });
  },
};
