import type { Model } from '../wgl.js';

export type MutexOp = { readonly op: 'acquire' | 'release'; readonly process: string };

/** A lock that one process holds at a time, and that only its holder can give back. The state is the holder. */
export const mutexModel: Model<string | null, MutexOp> = {
  name: 'mutex',
  init: () => null,
  step: (holder, { op, process }) => {
    if (op === 'acquire') return holder === null ? [process] : [];
    return holder === process ? [null] : [];
  },
  keyOf: (holder) => (holder === null ? '' : `=${holder}`),
};
