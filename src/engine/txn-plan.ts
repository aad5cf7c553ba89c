import { compareBytes, latin1, noBytes } from '../core/bytes.js';
import { etcdError } from '../store/etcd-errors.js';
import {
  type Compare,
  CompareResult,
  CompareTarget,
  type KeyValue,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  type TxnRequest,
} from '../store/messages.js';
import { keyRange } from './key-range.js';
import type { KeySpace } from './key-space.js';
import type { LeaseTable } from './lease-table.js';

/** Which way a txn and the nested txns on that way go. */
export interface TxnPlan {
  readonly succeeded: boolean;
  readonly ops: readonly RequestOp[];
  /** One for each nested txn among `ops`, in their order. */
  readonly nested: readonly TxnPlan[];
}

/** Decides every compare of the tree against the state before the txn (protocol.md 1.5). */
export function planTxn(space: KeySpace, request: TxnRequest): TxnPlan {
  const succeeded = (request.compare ?? []).every((compare) => holds(space, compare));
  const ops = (succeeded ? request.success : request.failure) ?? [];
  const nested: TxnPlan[] = [];
  for (const op of ops) {
    if (op.type === 'txn') nested.push(planTxn(space, op.request));
  }
  return { succeeded, ops, nested };
}

/**
 * Refuses a plan that could not be carried out to its end, so that it is done wholly or not at all. Like etcd,
 * looks at all puts before any range, and at no branch that is not taken.
 */
export function checkPlan(space: KeySpace, leases: LeaseTable, plan: TxnPlan): void {
  // Only a delete without an end gets past the check for keys that are written twice. etcd 3.4 dies of a put that
  // keeps what such a delete before it has taken.
  let deletedFrom: string | undefined;
  eachOp(plan, (op) => {
    if (op.type === 'put') checkPlannedPut(space, leases, op.request, deletedFrom);
    if (op.type !== 'deleteRange') return;
    const { start, end } = keyRange(op.request.key, op.request.rangeEnd);
    if (end === undefined && (deletedFrom === undefined || start < deletedFrom)) deletedFrom = start;
  });
  eachOp(plan, (op) => {
    if (op.type === 'range') checkPlannedRange(space, op.request);
  });
}

function eachOp(plan: TxnPlan, visit: (op: RequestOp) => void): void {
  let next = 0;
  for (const op of plan.ops) {
    if (op.type === 'txn') eachOp(plan.nested[next++] as TxnPlan, visit);
    else visit(op);
  }
}

function checkPlannedPut(
  space: KeySpace,
  leases: LeaseTable,
  request: PutRequest,
  deletedFrom: string | undefined,
): void {
  const text = latin1(request.key);
  const needsKey = request.ignoreValue || request.ignoreLease;
  const isGone = space.get(text) === undefined || (deletedFrom !== undefined && text >= deletedFrom);
  if (needsKey && isGone) throw etcdError('keyNotFound');
  const { lease = 0n } = request;
  if (lease !== 0n && !leases.has(lease)) throw etcdError('leaseNotFound');
}

/** Unlike a range of its own, one in a txn does not take a negative revision for the current one. */
function checkPlannedRange(space: KeySpace, { revision = 0n }: RangeRequest): void {
  if (revision === 0n) return;
  if (revision > space.revision) throw etcdError('futureRevision');
  if (revision < space.compactRevision) throw etcdError('compacted');
}

/** Every key of the range must satisfy it; no key at all reads like zeros, but has no value to compare. */
function holds(space: KeySpace, compare: Compare): boolean {
  const range = keyRange(compare.key, compare.rangeEnd);
  const { kvs } = space.scan(range, undefined, Number.POSITIVE_INFINITY);
  if (kvs.length > 0) return kvs.every((kv) => decide(compare, compareWith(compare, kv)));
  return compare.target !== CompareTarget.value && decide(compare, compareWith(compare, undefined));
}

function decide({ result = CompareResult.equal }: Compare, sign: number): boolean {
  switch (result) {
    case CompareResult.equal:
      return sign === 0;
    case CompareResult.greater:
      return sign > 0;
    case CompareResult.less:
      return sign < 0;
    default:
      return sign !== 0;
  }
}

/** Sign of (what the key has) - (what the compare says). */
function compareWith(compare: Compare, kv: KeyValue | undefined): number {
  switch (compare.target ?? CompareTarget.version) {
    case CompareTarget.create:
      return signOf(kv?.createRevision ?? 0n, compare.createRevision ?? 0n);
    case CompareTarget.mod:
      return signOf(kv?.modRevision ?? 0n, compare.modRevision ?? 0n);
    case CompareTarget.value:
      return compareBytes(kv?.value ?? noBytes, compare.value ?? noBytes);
    case CompareTarget.lease:
      return signOf(kv?.lease ?? 0n, compare.lease ?? 0n);
    default:
      return signOf(kv?.version ?? 0n, compare.version ?? 0n);
  }
}

function signOf(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
