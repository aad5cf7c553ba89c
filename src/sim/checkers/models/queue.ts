import type { Model } from '../wgl.js';

/** `item` null: the queue was empty; undefined: whoever took it was never told. */
export type QueueOp =
  | { readonly op: 'enqueue'; readonly item: string }
  | { readonly op: 'dequeue'; readonly item: string | null | undefined };

/** First in, first out. */
export const queueModel: Model<readonly string[], QueueOp> = {
  name: 'queue',
  init: () => [],
  step: (items, op) => {
    if (op.op === 'enqueue') return [[...items, op.item]];
    const [first, ...rest] = items;
    if (op.item === undefined) return first === undefined ? [items] : [rest];
    if (op.item === null) return first === undefined ? [items] : [];
    return first === op.item ? [rest] : [];
  },
  keyOf: (items) => JSON.stringify(items),
};
