import { type Bytes, concatBytes, prefixEnd, sameBytes, utf8 } from '../core/bytes.js';
import type { ConclaveError } from '../core/errors.js';
import {
  type Compare,
  CompareResult,
  CompareTarget,
  type RangeResponse,
  type RequestOp,
  SortOrder,
  SortTarget,
  WatchFilter,
} from '../store/messages.js';
import type { WatchSpec } from '../store/store.js';
import type { Admission, Verdict, Wait } from './admit.js';
import { isPlace, type Place } from './place.js';

/** One kind of place: where its key stands, what its turn depends on, and what may bring it about. */
export interface Rule {
  readonly kind: 'exclusive' | 'shared' | 'weighted';
  readonly prefix: Bytes;
  /** What its key begins with: the prefix, and what sets this kind of place apart. */
  readonly stands: Bytes;
  /** What is written into its key for others to read. */
  readonly tail?: string | undefined;
  /** What all places of the line have agreed on. */
  readonly agreement?: Agreement | undefined;
  /** Compares that hold only if a place made in the same txn has its turn at once. They may fail though it would. */
  readonly free: readonly Compare[];
  /** Whether whoever waits behind must be told when a waiter's turn has come: nothing else may change for them then. */
  readonly passesOn: boolean;
  /** Whether who has been first in a long line may tell who comes next (`head.ts`). */
  readonly tellsNext?: boolean | undefined;
  /** The reads that a verdict is made of, of what is older than `before`, by default of all. */
  reads(extent: Extent): readonly RequestOp[];
  /**
   * The verdict on a place created at `createRevision`, or on one that would come now, from the answers to `reads`;
   * undefined: they do not show enough, read the whole.
   */
  admit(pages: readonly RangeResponse[], createRevision: bigint | undefined): Admission | undefined;
  /** Holds as long as `wait` is still the verdict: no need to read the line. Undefined: nothing tells. */
  stillWaits(wait: Wait): Compare | undefined;
  /** What to watch while the place `own` waits: its own key, and whatever may change the verdict. Two at most. */
  bells(wait: Wait, own: Bytes): readonly Bell[];
}

/** How much to read. */
export interface Extent {
  /** Only what was created before this revision. */
  readonly before?: bigint | undefined;
  /** All of it, because the usual page did not show enough. */
  readonly whole: boolean;
}

/** A key that must have this value whenever a place is made; who comes first makes it. It hangs on no lease. */
export interface Agreement {
  readonly key: Bytes;
  readonly value: Bytes;
  /** What to tell who has another opinion. */
  readonly mismatch: (found: Bytes) => ConclaveError;
}

/** A watch of which every event is worth a look. */
export type Bell = Pick<WatchSpec, 'key' | 'rangeEnd' | 'filters' | 'prevKv'>;

/** Keys from `key` up to `rangeEnd`. */
export interface Span {
  readonly key: Bytes;
  readonly rangeEnd: Bytes;
}

/** Enough to see the predecessor past a few keys that are no places; more are read only when these are not enough. */
const pageSize = 4n;

/** Everything below `prefix`. */
export function below(prefix: Bytes): Span {
  return { key: prefix, rangeEnd: prefixEnd(prefix) };
}

/** The newest keys of `span`, the newest first. Linearizable. */
export function newestIn(
  span: Span,
  { before, whole }: Extent,
  { limit = pageSize, keysOnly }: { readonly limit?: bigint; readonly keysOnly?: boolean } = {},
): RequestOp {
  const request = {
    key: span.key,
    rangeEnd: span.rangeEnd,
    limit: whole ? 0n : limit,
    sortOrder: SortOrder.descend,
    sortTarget: SortTarget.create,
    maxCreateRevision: before === undefined ? undefined : before - 1n,
    keysOnly,
  };
  return { type: 'range', request };
}

/** The places in a page of `newestIn` that are older than `createRevision`. */
export function eldersIn(page: RangeResponse, prefix: Bytes, createRevision: bigint | undefined): Place[] {
  return page.kvs.filter(
    (kv) => (createRevision === undefined || kv.createRevision < createRevision) && isPlace(prefix, kv),
  );
}

/** A compare over a range holds if it holds for every key in it, or there is none. */
export function noneIn(span: Span): Compare {
  const { key, rangeEnd } = span;
  return { key, rangeEnd, target: CompareTarget.create, result: CompareResult.equal, createRevision: 0n };
}

export function deletionOf(key: Bytes): Bell {
  return { key, filters: [WatchFilter.noPut] };
}

/** Whether `a` is still to wait for the same thing. */
export function sameWait(a: Verdict, b: Wait): boolean {
  if (a.type !== 'wait' || b.type !== 'wait') return a.type === b.type;
  return sameBytes(a.behind.key, b.behind.key) && a.behind.createRevision === b.behind.createRevision;
}

export function tagged(prefix: Bytes, tag: string): Bytes {
  return concatBytes(prefix, utf8(tag));
}
