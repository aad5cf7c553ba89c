import { etcdError } from '../store/etcd-errors.js';
import type { PutRequest, RequestOp, TxnRequest } from '../store/messages.js';
import { type AlarmSet, AlarmType } from './alarm-set.js';
import type { Engine } from './engine.js';
import { changeOverheadBytes } from './space-size.js';

/** What etcd counts for a lease. */
const leaseBytes = 64;

/**
 * Refuses what would take more room than there is (protocol.md 4.2): the first such request raises the alarm NOSPACE,
 * and while that is raised puts, grants and txns that put are refused. Reads, deletes and compaction go on.
 */
export class SpaceGuard {
  readonly #engine: Engine;
  readonly #alarms: AlarmSet;
  readonly #quotaBytes: number;

  /** `quotaBytes` 0: no bound. */
  constructor(engine: Engine, alarms: AlarmSet, quotaBytes: number) {
    this.#engine = engine;
    this.#alarms = alarms;
    this.#quotaBytes = quotaBytes;
  }

  checkPut(request: PutRequest): void {
    this.#check(() => putBytes(request));
  }

  checkTxn(request: TxnRequest): void {
    this.#check(() => txnBytes(request));
  }

  checkLeaseGrant(): void {
    this.#check(() => leaseBytes);
  }

  #check(cost: () => number): void {
    this.#alarms.checkSound();
    const isRaised = this.#alarms.has(AlarmType.noSpace);
    if (!isRaised && this.#quotaBytes === 0) return;
    const bytes = cost();
    if (bytes === 0) return;
    if (isRaised) throw etcdError('noSpace');
    if (this.#engine.space.bytes.kept + bytes <= this.#quotaBytes) return;
    this.#alarms.activate({ memberId: this.#engine.header().memberId, type: AlarmType.noSpace });
    throw etcdError('noSpace');
  }
}

function putBytes({ key, value }: PutRequest): number {
  return key.length + (value?.length ?? 0) + changeOverheadBytes;
}

/** Of the more expensive branch. Nesting is bounded by the codec. */
function txnBytes({ success = [], failure = [] }: TxnRequest): number {
  return Math.max(opsBytes(success), opsBytes(failure));
}

function opsBytes(ops: readonly RequestOp[]): number {
  let bytes = 0;
  for (const op of ops) {
    if (op.type === 'put') bytes += putBytes(op.request);
    else if (op.type === 'txn') bytes += txnBytes(op.request);
  }
  return bytes;
}
