import type { RequestOp } from '../../src/store/messages.js';
import { createdAt } from '../../src/store/ops.js';
import { kvMethods } from '../../src/wire/methods.js';
import type { CallKind } from './job.js';

/** Keys that the closed loops work on; 40 bytes each, with values of 100. */
const keyCount = 10_000;
const valueBytes = 100;
const value = Buffer.alloc(valueBytes, 'v');

export interface Requests {
  readonly path: string;
  /** Encoded before the clock runs; taken in turn. */
  readonly messages: readonly Uint8Array[];
}

export function requestsOf(kind: CallKind): Requests {
  const keys = Array.from({ length: keyCount }, (_, i) => benchKey('calls', i));
  switch (kind) {
    case 'put':
      return {
        path: kvMethods.put.path,
        messages: keys.map((key) => kvMethods.put.request.encode({ key, value })),
      };
    case 'get':
      return { path: kvMethods.range.path, messages: keys.map((key) => kvMethods.range.request.encode({ key })) };
    case 'txn':
      return { path: kvMethods.txn.path, messages: keys.map(compareAndPut) };
  }
}

/** One compare, one put, else one get: what optimistic updates and locks are made of. The compare holds. */
function compareAndPut(key: Buffer): Uint8Array {
  const never = createdAt(benchKey('never', 0), 0n);
  return kvMethods.txn.request.encode({
    compare: [never],
    success: [{ type: 'put', request: { key, value } }],
    failure: [{ type: 'range', request: { key } }],
  });
}

/** The `n`th txn of a fill. */
export function fillTxn(n: number, putsPerTxn: number, keys: number): Uint8Array {
  const success = Array.from({ length: putsPerTxn }, (_, i): RequestOp => {
    return { type: 'put', request: { key: benchKey('fill', (n * putsPerTxn + i) % keys), value } };
  });
  return kvMethods.txn.request.encode({ success });
}

/** 40 bytes. */
export function benchKey(folder: string, n: number): Buffer {
  return Buffer.from(`bench/${folder}/${String(n).padStart(33 - folder.length, '0')}`);
}
