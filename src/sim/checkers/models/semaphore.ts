import type { Model } from '../wgl.js';

export type SemaphoreOp = { readonly op: 'acquire' | 'release'; readonly permits: number };

/** So many permits and no more. The state is what is out. */
export function semaphoreModel(limit: number): Model<number, SemaphoreOp> {
  return {
    name: 'semaphore',
    init: () => 0,
    step: (out, { op, permits }) => {
      const after = op === 'acquire' ? out + permits : out - permits;
      return after >= 0 && after <= limit ? [after] : [];
    },
    keyOf: String,
  };
}
