import type { RequestOp, TxnRequest } from '../../src/store/messages.js';
import { difference } from '../support/etcd-differences.js';
import type { Step } from './steps.js';

/** A point where the etcd at hand and ours rightly differ: docs/etcd-differences.md says what it is, and why. */
export interface KnownDifference {
  /** Its row in that table. */
  readonly row: ReturnType<typeof difference>;
  /** Versions of etcd that differ. */
  readonly in: (version: string) => boolean;
  /** Steps of a sequence with users that run into it, and are left out. */
  readonly meets?: (step: Step) => boolean;
}

const always = () => true;

export const knownDifferences = {
  /** No watch starts at the compacted revision. */
  tombstoneAtCompaction: { row: difference('tombstone-at-compaction'), in: (version) => before(version, 3, 5, 16) },
  /** Leases of the sequences are long. */
  minTtl: { row: difference('shortest-ttl'), in: always },
  /** Such a txn ends the oracle. */
  keepsWhatIsDeleted: { row: difference('keep-what-is-deleted'), in: always },
  rightsInNestedTxns: {
    row: difference('rights-nested-txn'),
    in: (version) => before(version, 3, 5, 28),
    meets: (step) => step.type === 'call' && step.name === 'txn' && hasNestedTxn(step.request as TxnRequest),
  },
  rightsOfPutInTxn: {
    row: difference('rights-txn-put'),
    in: (version) => before(version, 3, 5, 28),
    meets: (step) => step.type === 'call' && step.name === 'txn' && readsByPut(step.request as TxnRequest),
  },
  rightsOfOpenWatch: {
    row: difference('rights-open-watch'),
    in: always,
    meets: (step) => step.type === 'watch' && (step.request as { rangeEnd: Uint8Array }).rangeEnd[0] === 0,
  },
  compactWithoutRight: {
    row: difference('rights-maintenance'),
    in: (version) => before(version, 3, 5, 28),
    meets: (step) => step.type === 'call' && step.name === 'compact',
  },
  leaseWithoutUser: {
    row: difference('rights-lease'),
    in: (version) => before(version, 3, 5, 28),
    meets: (step) => step.type === 'call' && step.name.startsWith('lease'),
  },
  rightsOfEmptyRange: {
    row: difference('rights-empty-range'),
    in: always,
    meets: (step) => step.type !== 'login' && hasEmptyRange(step.request),
  },
  /** Whoever sends none then is no liar. */
  tokenWhileDisabled: { row: difference('token-while-disabled'), in: (version) => before(version, 3, 5, 0) },
  nothingWithoutUser: { row: difference('rights-no-user'), in: always, meets: asksForNothing },
} as const satisfies Record<string, KnownDifference>;

/** By somebody who is nobody. */
function asksForNothing(step: Step): boolean {
  if (step.type === 'login' || step.by !== 'nobody') return false;
  if (step.type === 'call' && step.name === 'txn') return isEmptyTxn(step.request as TxnRequest);
  return step.type === 'auth' && step.name === 'userGet' && (step.request as { name: string }).name === '';
}

function isEmptyTxn({ compare = [], success = [], failure = [] }: TxnRequest): boolean {
  return compare.length + success.length + failure.length === 0;
}

function hasNestedTxn({ success = [], failure = [] }: TxnRequest): boolean {
  return [...success, ...failure].some((op: RequestOp) => op.type === 'txn');
}

/** Whether a range anywhere in `request` holds no key whatever there is. */
function hasEmptyRange(request: unknown): boolean {
  if (typeof request !== 'object' || request === null || request instanceof Uint8Array) return false;
  const { key, rangeEnd } = request as { readonly key?: Uint8Array; readonly rangeEnd?: Uint8Array };
  const hasEnd = rangeEnd !== undefined && rangeEnd.length > 0 && rangeEnd[0] !== 0;
  if (key !== undefined && hasEnd && Buffer.compare(key, rangeEnd) >= 0) return true;
  return Object.values(request).some(hasEmptyRange);
}

/** Asks for the value before a put, or moves a lease. */
function readsByPut({ success = [], failure = [] }: TxnRequest): boolean {
  const puts = [...success, ...failure].flatMap((op) => (op.type === 'put' ? [op.request] : []));
  return puts.some(({ prevKv, lease = 0n }) => prevKv || lease !== 0n);
}

/** Whether a put may keep what a delete without an end, anywhere in the txn, takes: the sequences never send that. */
export function endsOracle(step: Step): boolean {
  if (step.type !== 'call' || step.name !== 'txn') return false;
  const ops = allOps(step.request as TxnRequest);
  const isOpen = (op: RequestOp) => op.type === 'deleteRange' && op.request.rangeEnd?.[0] === 0;
  const keeps = (op: RequestOp) => op.type === 'put' && (op.request.ignoreValue || op.request.ignoreLease);
  return ops.some(isOpen) && ops.some(keeps);
}

function allOps({ success = [], failure = [] }: TxnRequest): RequestOp[] {
  return [...success, ...failure].flatMap((op) => (op.type === 'txn' ? [op, ...allOps(op.request)] : [op]));
}

/** Whether the sequences must do without `step` while there are users. */
export function isLeftOut(step: Step, version: string): boolean {
  // Even that 3.4 tells to everybody, so also to a root whose token is none any more.
  const isRead = step.type === 'call' && step.name === 'leaseTimeToLive';
  if ('by' in step && step.by === 'root' && !isRead) return false;
  const all: readonly KnownDifference[] = Object.values(knownDifferences);
  return all.some((each) => each.in(version) && each.meets?.(step) === true);
}

function before(version: string, ...bound: readonly [number, number, number]): boolean {
  const parts = version.split('.').map(Number);
  for (const [i, each] of bound.entries()) {
    const part = parts[i] ?? 0;
    if (part !== each) return part < each;
  }
  return false;
}
