import type { Model } from '../wgl.js';

/** `end`: the holder of this fence lets go, or loses its place. */
export type FencedLockOp =
  | { readonly op: 'acquire'; readonly fence: bigint }
  | { readonly op: 'end'; readonly fence: bigint };

export interface FencedLockState {
  readonly held: boolean;
  /** The highest fence given so far. */
  readonly fence: bigint;
}

/** A lock whose fences grow with every holder. */
export const fencedLockModel: Model<FencedLockState, FencedLockOp> = {
  name: 'fenced lock',
  init: () => ({ held: false, fence: 0n }),
  step: (state, op) => {
    if (op.op === 'acquire') return !state.held && op.fence > state.fence ? [{ held: true, fence: op.fence }] : [];
    // Of a place that is gone already, or is not taken yet: nothing happens.
    return [state.fence === op.fence ? { ...state, held: false } : state];
  },
  keyOf: ({ held, fence }) => `${held}/${fence}`,
};
