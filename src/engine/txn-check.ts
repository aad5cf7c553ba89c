import { latin1 } from '../core/bytes.js';
import { etcdError } from '../store/etcd-errors.js';
import type { Compare, DeleteRangeRequest, PutRequest, RequestOp, TxnRequest } from '../store/messages.js';
import { IntervalSet } from './interval-set.js';
import { keyRange } from './key-range.js';
import { checkRange } from './range-query.js';

/** What can be refused without looking at the store, in etcd's order (protocol.md 1.3 to 1.5). */
export function checkPut(request: PutRequest): void {
  if (request.key.length === 0) throw etcdError('emptyKey');
  if (request.ignoreValue && (request.value?.length ?? 0) > 0) throw etcdError('valueProvided');
  if (request.ignoreLease && (request.lease ?? 0n) !== 0n) throw etcdError('leaseProvided');
}

export function checkDeleteRange(request: DeleteRangeRequest): void {
  if (request.key.length === 0) throw etcdError('emptyKey');
}

/** `maxOps` bounds compares, then and else of each level; what a level uses is not there for the levels below. */
export function checkTxn(request: TxnRequest, maxOps: number): void {
  checkShape(request, maxOps);
  collectWrites(request.success ?? []);
  collectWrites(request.failure ?? []);
}

/** Recursion ends: every level takes at least one from the budget of the next. */
function checkShape(request: TxnRequest, maxOps: number): void {
  const { compare = [], success = [], failure = [] } = request;
  const ops = Math.max(compare.length, success.length, failure.length);
  if (ops > maxOps) throw etcdError('tooManyOps');
  for (const each of compare) checkCompare(each);
  for (const op of success) checkOp(op, maxOps - ops);
  for (const op of failure) checkOp(op, maxOps - ops);
}

function checkCompare({ key, result = 0, target = 0 }: Compare): void {
  if (key.length === 0) throw etcdError('emptyKey');
  // etcd takes an unknown result for "holds"; a guard that cannot be understood must not pass.
  if (![0, 1, 2, 3].includes(result) || ![0, 1, 2, 3, 4].includes(target)) throw etcdError('invalidCompareOption');
}

function checkOp(op: RequestOp, budget: number): void {
  switch (op.type) {
    case 'range':
      checkRange(op.request);
      break;
    case 'put':
      checkPut(op.request);
      break;
    case 'deleteRange':
      checkDeleteRange(op.request);
      break;
    case 'txn':
      checkShape(op.request, budget);
      break;
    case 'none':
      throw etcdError('keyNotFound');
  }
}

/** What a list of operations writes, whichever way its nested txns go. */
interface Writes {
  readonly puts: Set<string>;
  readonly deletes: IntervalSet;
}

/**
 * Refuses a key that is put twice, or put and deleted. As in etcd, a nested txn's puts are held against the deletes of
 * this level and of the nested txns before it, but not of those after it; and a delete without an end clashes with
 * nothing (3.4.23 takes the `"\0"` literally there). What gets through is carried out in order.
 */
function collectWrites(ops: readonly RequestOp[]): Writes {
  const writes: Writes = { puts: new Set(), deletes: new IntervalSet() };
  for (const op of ops) {
    if (op.type === 'deleteRange') writes.deletes.add(keyRange(op.request.key, op.request.rangeEnd));
  }
  for (const op of ops) {
    if (op.type === 'txn') addNested(writes, op.request);
  }
  for (const op of ops) {
    if (op.type === 'put') addPut(writes, latin1(op.request.key));
  }
  return writes;
}

/** The two branches exclude each other, so they may put the same key. */
function addNested(writes: Writes, request: TxnRequest): void {
  const success = collectWrites(request.success ?? []);
  const failure = collectWrites(request.failure ?? []);
  for (const text of success.puts) addPut(writes, text);
  for (const text of failure.puts) {
    if (!success.puts.has(text)) addPut(writes, text);
  }
  writes.deletes.addAll(success.deletes);
  writes.deletes.addAll(failure.deletes);
}

function addPut(writes: Writes, text: string): void {
  if (writes.puts.has(text) || writes.deletes.has(text)) throw etcdError('duplicateKey');
  writes.puts.add(text);
}
