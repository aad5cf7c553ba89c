import fc from 'fast-check';
import type { Compare, RequestOp, TxnRequest } from '../../src/store/messages.js';

/**
 * Operations as a generator makes them: keys without the sequence's prefix, revisions counted from where the sequence
 * began, leases by small numbers. `rebase` turns them into requests for a given store.
 */
export type Operation =
  | { readonly type: 'call'; readonly name: CallName; readonly request: object }
  | { readonly type: 'watch'; readonly request: object };

export type CallName = 'range' | 'txn' | 'compact' | 'leaseGrant' | 'leaseRevoke' | 'leaseTimeToLive';

const text = (...choices: string[]) => fc.constantFrom(...choices).map((each) => Buffer.from(each, 'latin1'));
const key = text('a', 'b', 'b', 'c', 'ab', 'a\xff', 'b\0');
const value = text('', '1', '2', '22', '\xff');
const end = text('', '', '', 'b', 'c', 'd', 'a', '\0');
const flag = fc.boolean();
/** 0 is "none"; small ones are in the past or the present of most sequences, 30 is to come. */
const revision = fc.constantFrom(0n, 0n, 0n, 1n, 2n, 3n, 4n, 5n, 6n, 8n, 30n, -1n);
const bound = fc.constantFrom(0n, 0n, 0n, 0n, 0n, 0n, 2n, 4n, 6n, -1n);
const lease = fc.constantFrom(0n, 0n, 1n, 2n, 3n);
const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 3 });

const rangeRequest = fc.record({
  key,
  rangeEnd: end,
  limit: fc.constantFrom(0n, 0n, 1n, 2n, -1n),
  revision,
  sortOrder: fc.constantFrom(0, 0, 1, 2),
  sortTarget: fc.constantFrom(0, 0, 1, 2, 3, 4),
  keysOnly: flag,
  countOnly: fc.constantFrom(false, false, false, true),
  minModRevision: bound,
  maxModRevision: bound,
  minCreateRevision: bound,
  maxCreateRevision: bound,
});

const putRequest = fc.oneof(
  { arbitrary: fc.record({ key, value, lease, prevKv: flag }), weight: 5 },
  { arbitrary: fc.record({ key, ignoreValue: fc.constant(true), lease, prevKv: flag }), weight: 1 },
  { arbitrary: fc.record({ key, value, ignoreLease: fc.constant(true), prevKv: flag }), weight: 1 },
);

const deleteRequest = fc.record({ key, rangeEnd: end, prevKv: flag });

const compare: fc.Arbitrary<Compare> = fc
  .tuple(fc.constantFrom(0, 1, 2, 3), key, some(end), fc.nat(4), fc.constantFrom(0n, 1n, 2n, 3n, 4n), value, lease)
  .map(([result, of, rangeEnd, target, number, bytes, id]) => {
    const operand = [
      { version: number },
      { createRevision: number },
      { modRevision: number },
      { value: bytes },
      { lease: id },
    ][target] as object;
    return { result, target, key: of, rangeEnd, ...operand };
  });

/** Few of the writes clash, so that most txns are carried out. */
const op = (depth: number): fc.Arbitrary<RequestOp> =>
  fc.oneof(
    { arbitrary: fc.record({ type: fc.constant('range' as const), request: rangeRequest }), weight: 3 },
    { arbitrary: fc.record({ type: fc.constant('put' as const), request: putRequest }), weight: 4 },
    { arbitrary: fc.record({ type: fc.constant('deleteRange' as const), request: deleteRequest }), weight: 1 },
    ...(depth > 0
      ? [{ arbitrary: fc.record({ type: fc.constant('txn' as const), request: txnRequest(depth - 1) }), weight: 2 }]
      : []),
  );

function txnRequest(depth: number): fc.Arbitrary<TxnRequest> {
  const ops = fc.array(op(depth), { maxLength: 3 });
  return fc.record({ compare: fc.array(compare, { maxLength: 2 }), success: ops, failure: ops });
}

const single = (each: fc.Arbitrary<RequestOp>) => each.map((only) => ({ success: [only] }));
const call = (name: CallName, request: fc.Arbitrary<object>) =>
  fc.record({ type: fc.constant('call' as const), name: fc.constant(name), request });

const puts = single(fc.record({ type: fc.constant('put' as const), request: putRequest }));
const deletes = single(fc.record({ type: fc.constant('deleteRange' as const), request: deleteRequest }));
const leaseId = fc.constantFrom(1n, 2n, 3n);

const watchRequest = fc.record({
  key,
  rangeEnd: end,
  startRevision: fc.constantFrom(0n, 0n, 1n, 2n, 3n, 5n, 12n),
  filters: fc.constantFrom([], [], [], [0], [1]),
  prevKv: flag,
});

export interface OperationChoice {
  /** Of how many operations one is a watch, on average; 0: none. */
  readonly watchWeight: number;
}

export function operation({ watchWeight }: OperationChoice): fc.Arbitrary<Operation> {
  return fc.oneof(
    { arbitrary: call('txn', puts), weight: 8 },
    { arbitrary: call('txn', deletes), weight: 3 },
    { arbitrary: call('txn', txnRequest(2)), weight: 6 },
    { arbitrary: call('range', rangeRequest), weight: 5 },
    { arbitrary: call('compact', fc.record({ revision: fc.constantFrom(1n, 2n, 3n, 4n, 6n, 30n) })), weight: 1 },
    { arbitrary: call('leaseGrant', fc.record({ id: leaseId, ttl: fc.constantFrom(600n, 700n) })), weight: 3 },
    { arbitrary: call('leaseRevoke', fc.record({ id: leaseId })), weight: 1 },
    { arbitrary: call('leaseTimeToLive', fc.record({ id: leaseId, keys: flag })), weight: 1 },
    { arbitrary: fc.record({ type: fc.constant('watch' as const), request: watchRequest }), weight: watchWeight },
  );
}
