import type { RequestOp, TxnRequest } from '../../src/store/messages.js';
import type { CallName } from '../engine/operations.js';
import { b, compare, op } from '../engine/support.js';

const times = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));
const nest = (...success: RequestOp[]) => op.txn({ success });
const batch = (children: number, opsEach: number): TxnRequest => ({
  success: times(children, (i) => nest(...times(opsEach, (j) => op.range({ key: `${i}/${j}` })))),
});

const txns: TxnRequest[] = [
  { success: [op.put('')] },
  { failure: [op.del('')] },
  { success: [op.range({ key: '' })] },
  { compare: [compare({ key: '' })] },
  { success: [{ type: 'none' }] },
  { success: [nest({ type: 'none' })] },
  { compare: [compare({ key: '' })], success: [{ type: 'none' }] },
  { success: [op.put('a', 'v', { ignoreValue: true })] },
  { success: [op.put('a', '', { ignoreLease: true, lease: 1n })] },
  { success: [op.put('a', 'v', { ignoreLease: true, ignoreValue: true, lease: 1n })] },
  { success: [op.put('nobody', '', { ignoreValue: true, lease: 987_654n })] },
  { success: [op.put('nobody', '', { lease: 987_654n })] },
  { success: [op.range({ key: 'a', revision: 1n << 40n }), op.put('a', '', { lease: 987_654n })] },
  { success: [op.range({ key: 'a', revision: 1n << 40n })] },
  { success: times(128, (i) => op.range({ key: `${i}` })) },
  { success: times(129, (i) => op.range({ key: `${i}` })) },
  { compare: times(129, () => compare({ key: 'a' })) },
  ...(
    [
      [127, 1],
      [128, 1],
      [118, 10],
      [119, 10],
      [126, 2],
      [127, 2],
    ] as const
  ).map(([children, opsEach]) => batch(children, opsEach)),
  { failure: [op.put('a'), op.put('a')] },
  { failure: [op.put('a'), op.put('a'), { type: 'none' }] },
];

/** Requests that are refused whatever the store holds, and their neighbours that are not. */
export const refusals: readonly (readonly [CallName, object])[] = [
  ...txns.map((each) => ['txn', each] as const),
  ['range', { key: b('') }],
  ['range', { key: b('a'), revision: 1n << 40n }],
  ['compact', { revision: 1n << 40n }],
  ['leaseGrant', { ttl: 9_000_000_001n }],
  ['leaseGrant', { id: 77n, ttl: 600n }],
  ['leaseGrant', { id: 77n, ttl: 600n }],
  ['leaseGrant', { id: 77n, ttl: 9_000_000_001n }],
  ['leaseRevoke', { id: 77n }],
  ['leaseRevoke', { id: 77n }],
  ['leaseRevoke', { id: 0n }],
  ['leaseTimeToLive', { id: 77n }],
];
