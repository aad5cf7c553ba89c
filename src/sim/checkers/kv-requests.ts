import type { KvAnswer, KvEvent, KvItem, KvOp, KvRange, KvTxn, Operations } from '../vocabulary.js';
import type { Changes } from './kv-model.js';
import type { OkOperation, Operation } from './operations.js';
import { inRange, itemOf } from './watch-log.js';

export type KvName = Extract<keyof Operations, `kv.${string}`>;

export const kvNames = ['kv.range', 'kv.put', 'kv.delete', 'kv.txn'] as const satisfies readonly KvName[];

/** A request that may write, as the txn that it is; undefined for a plain read. */
export function txnOf(operation: Operation<KvName>): KvTxn | undefined {
  switch (operation.op) {
    case 'kv.range':
      return undefined;
    case 'kv.put':
      return { ...always, success: [{ op: 'put', input: (operation as Operation<'kv.put'>).input }] };
    case 'kv.delete':
      return { ...always, success: [{ op: 'delete', input: (operation as Operation<'kv.delete'>).input }] };
    case 'kv.txn':
      return (operation as Operation<'kv.txn'>).input;
  }
}

const always = { compare: [], failure: [] } as const;

/** What was answered to it, as a txn's answer. */
export function answerOf(operation: OkOperation<KvName>): { succeeded: boolean; responses: readonly KvAnswer[] } {
  switch (operation.op) {
    case 'kv.range':
      return { succeeded: true, responses: [] };
    case 'kv.put':
      return { succeeded: true, responses: [{ op: 'put' }] };
    case 'kv.delete': {
      const { deleted } = (operation as OkOperation<'kv.delete'>).output;
      return { succeeded: true, responses: [{ op: 'delete', deleted }] };
    }
    case 'kv.txn':
      return (operation as OkOperation<'kv.txn'>).output;
  }
}

/** Whether an answered request has made a revision, told from the answer alone. */
export function wrote(operation: OkOperation<KvName>): boolean {
  if (operation.op === 'kv.range') return false;
  return operation.op === 'kv.put' || answerOf(operation).responses.some(answerWrote);
}

function answerWrote(answer: KvAnswer): boolean {
  if (answer.op === 'txn') return answer.responses.some(answerWrote);
  return answer.op === 'put' || (answer.op === 'delete' && answer.deleted > 0n);
}

/** The keys that a request may touch; null: ranges, so any. */
export function keysOf(operation: Operation<KvName>): readonly string[] | null {
  const txn = txnOf(operation);
  if (txn !== undefined) return keysOfTxn(txn);
  const { key, rangeEnd } = (operation as Operation<'kv.range'>).input;
  return isOne(rangeEnd) ? [key] : null;
}

function keysOfTxn({ compare, success, failure }: KvTxn): readonly string[] | null {
  const keys: string[] = [];
  for (const { key, rangeEnd } of compare) {
    if (!isOne(rangeEnd)) return null;
    keys.push(key);
  }
  for (const op of [...success, ...failure]) {
    const own = keysOfOp(op);
    if (own === null) return null;
    keys.push(...own);
  }
  return keys;
}

function keysOfOp(op: KvOp): readonly string[] | null {
  if (op.op === 'txn') return keysOfTxn(op.input);
  const rangeEnd = op.op === 'put' ? undefined : op.input.rangeEnd;
  return isOne(rangeEnd) ? [op.input.key] : null;
}

/** Whether a txn looks at `key` or may change it, whichever way its compares turn out. */
export function touches({ compare, success, failure }: KvTxn, key: string): boolean {
  return (
    compare.some((each) => inRange(each.key, each.rangeEnd, key)) ||
    [...success, ...failure].some((op) => {
      if (op.op === 'txn') return touches(op.input, key);
      return inRange(op.input.key, op.op === 'put' ? undefined : op.input.rangeEnd, key);
    })
  );
}

function isOne(rangeEnd: string | undefined): boolean {
  return rangeEnd === undefined || rangeEnd === '';
}

export function sameItem(a: KvItem, b: KvItem): boolean {
  return (
    a.key === b.key &&
    a.value === b.value &&
    a.create === b.create &&
    a.mod === b.mod &&
    a.version === b.version &&
    a.lease === b.lease
  );
}

/** Whether answers agree, but for what is not judged: ranges of another shape, and those at a revision of the past. */
export function sameAnswers(ops: readonly KvOp[], given: readonly KvAnswer[], due: readonly KvAnswer[]): boolean {
  return given.length === due.length && ops.every((op, i) => sameAnswer(op, given[i], due[i]));
}

function sameAnswer(op: KvOp, given: KvAnswer | undefined, due: KvAnswer | undefined): boolean {
  if (given === undefined || due === undefined) return given === due;
  if (op.op === 'range' && given.op === 'range' && due.op === 'range') {
    return unjudged(op.input) || (given.count === due.count && sameItems(given.kvs, due.kvs));
  }
  if (given.op === 'delete' && due.op === 'delete') return given.deleted === due.deleted;
  if (op.op === 'txn' && given.op === 'txn' && due.op === 'txn') {
    const branch = due.succeeded ? op.input.success : op.input.failure;
    return given.succeeded === due.succeeded && sameAnswers(branch, given.responses, due.responses);
  }
  return given.op === 'put' && due.op === 'put';
}

export function sameItems(a: readonly KvItem[], b: readonly KvItem[]): boolean {
  return a.length === b.length && a.every((item, i) => sameItem(item, b[i] as KvItem));
}

function unjudged({ shaped, revision }: KvRange): boolean {
  return shaped === true || (revision ?? 0n) !== 0n;
}

/** Whether a txn's changes are what the log shows of its revision. */
export function sameChanges(changes: Changes, events: readonly KvEvent[]): boolean {
  const last = new Map(events.map((event) => [event.key, event]));
  if (last.size !== changes.size) return false;
  return [...changes].every(([key, item]) => {
    const event = last.get(key);
    if (event === undefined || item === null) return event !== undefined && event.type === 'delete';
    return event.type === 'put' && sameItem(item, itemOf(event));
  });
}

/** Whether a request may hang a key on a lease, in whichever branch. */
export function usesLease(operation: Operation<KvName>): boolean {
  const txn = txnOf(operation);
  return txn !== undefined && [...txn.success, ...txn.failure].some(opUsesLease);
}

function opUsesLease(op: KvOp): boolean {
  if (op.op === 'txn') return [...op.input.success, ...op.input.failure].some(opUsesLease);
  return op.op === 'put' && (op.input.lease ?? 0n) !== 0n;
}
