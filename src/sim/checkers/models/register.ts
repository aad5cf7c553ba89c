import type { Model } from '../wgl.js';

/**
 * One value. `got`: what a read returned, or whether a compare-and-set found what it expected; undefined: nobody was
 * told.
 */
export type RegisterOp =
  | { readonly op: 'read'; readonly got: string | null }
  | { readonly op: 'write'; readonly value: string }
  | { readonly op: 'cas'; readonly expected: string | null; readonly value: string; readonly got: boolean | undefined };

export const registerModel: Model<string | null, RegisterOp> = {
  name: 'register',
  init: () => null,
  step: (value, op) => {
    switch (op.op) {
      case 'read':
        return value === op.got ? [value] : [];
      case 'write':
        return [op.value];
      case 'cas': {
        const holds = value === op.expected;
        if (op.got !== undefined && op.got !== holds) return [];
        return [holds ? op.value : value];
      }
    }
  },
  keyOf: (value) => (value === null ? '' : `=${value}`),
};
