import type { Bytes } from '../../core/bytes.js';
import { etcdError } from '../../store/etcd-errors.js';
import type {
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
  WatchCreateRequest,
} from '../../store/messages.js';
import { type KeyRange, keyRange } from '../key-range.js';
import type { Rights } from './permission.js';

/** The keys that hang on a lease, as latin1 strings. */
export type LeaseKeys = (id: bigint) => Iterable<string>;

/**
 * What a user without the root role may ask for: each method throws `permission denied` unless every key that the
 * request can touch or tell about is granted. Whatever a request carries is looked at, taken or not: both branches of a
 * txn, nested ones and every compare (CVE-2026-33343).
 */
export class KeyRights {
  readonly #rights: Rights;
  readonly #leaseKeys: LeaseKeys;

  constructor(rights: Rights, leaseKeys: LeaseKeys) {
    this.#rights = rights;
    this.#leaseKeys = leaseKeys;
  }

  checkRange({ key, rangeEnd }: RangeRequest): void {
    this.#read(keyRange(key, rangeEnd));
  }

  checkPut({ key, lease = 0n, prevKv }: PutRequest): void {
    const range = keyRange(key);
    if (prevKv) this.#read(range);
    this.#write(range);
    // Whoever adds a key to a lease can make its other keys live longer or go with it.
    if (lease !== 0n) this.checkLeaseWrite(lease);
  }

  checkDelete({ key, rangeEnd, prevKv }: DeleteRangeRequest): void {
    const range = keyRange(key, rangeEnd);
    if (prevKv) this.#read(range);
    this.#write(range);
  }

  /** Recursion ends: the shape of the txn has been checked. */
  checkTxn({ compare = [], success = [], failure = [] }: TxnRequest): void {
    for (const { key, rangeEnd } of compare) this.#read(keyRange(key, rangeEnd));
    for (const op of success) this.#checkOp(op);
    for (const op of failure) this.#checkOp(op);
  }

  /** An end of `"\0"` means every key from `key` on, and is judged as that (CVE-2026-73499). */
  checkWatch({ key, rangeEnd }: Pick<WatchCreateRequest, 'key' | 'rangeEnd'>): void {
    this.#read(keyRange(key.length === 0 ? firstKey() : key, rangeEnd));
  }

  checkLeaseWrite(id: bigint): void {
    for (const text of this.#leaseKeys(id)) this.#write(singleKey(text));
  }

  checkLeaseRead(id: bigint): void {
    for (const text of this.#leaseKeys(id)) this.#read(singleKey(text));
  }

  #checkOp(op: RequestOp): void {
    switch (op.type) {
      case 'range':
        this.checkRange(op.request);
        break;
      case 'put':
        this.checkPut(op.request);
        break;
      case 'deleteRange':
        this.checkDelete(op.request);
        break;
      case 'txn':
        this.checkTxn(op.request);
        break;
      case 'none':
        break;
    }
  }

  #read(range: KeyRange): void {
    if (!this.#rights.read.covers(range)) throw etcdError('permissionDenied');
  }

  #write(range: KeyRange): void {
    if (!this.#rights.write.covers(range)) throw etcdError('permissionDenied');
  }
}

function singleKey(text: string): KeyRange {
  return { start: text, end: `${text}\0`, single: true };
}

function firstKey(): Bytes {
  return new Uint8Array(1);
}
