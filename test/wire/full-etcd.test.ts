import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { ConclaveError } from '../../src/core/errors.js';
import { etcdErrors } from '../../src/store/etcd-errors.js';
import { put } from '../../src/store/ops.js';
import { findEtcd, type RunningEtcd, startEtcd } from '../support/etcd.js';
import { expectNoLeaks } from '../support/leaks.js';
import { openH2 } from '../support/remote-stores.js';
import { describeSkipped } from '../support/skip.js';

const found = await findEtcd({ own: true });

if ('missing' in found) describeSkipped('an etcd at its quota', found.missing, () => suite());
else describe('an etcd at its quota', suite);

const value = 'v'.repeat(20_000);
const together = 64;

function suite(): void {
  expectNoLeaks();
  let etcd: RunningEtcd;

  beforeAll(async () => {
    etcd = await startEtcd({ args: () => ['--quota-backend-bytes=4000000', '--backend-batch-limit=1'] });
  });
  afterAll(() => etcd?.stop());

  it('applies what it says that it has no room for, so that nobody is told it did not', async () => {
    const { store, close } = openH2([etcd.url]);
    const told: unknown[] = [];
    // Bounded by the quota.
    for (let round = 0; told.length === 0; round++) {
      const keys = Array.from({ length: together }, (_, i) => `full/${round}/${i}`);
      const puts = await Promise.allSettled(keys.map((key) => store.txn({ success: [put(key, value)] })));
      for (const [i, each] of puts.entries()) {
        if (each.status === 'fulfilled') continue;
        const { count } = await store.range({ key: utf8(keys[i] ?? '') });
        const { message, outcome } = ConclaveError.from(each.reason);
        told.push({ message, outcome, isThere: count > 0n });
      }
    }
    const message = etcdErrors.noSpace.text;
    expect(told).toContainEqual({ message, outcome: 'unknown', isThere: true });
    expect(told).not.toContainEqual({ message, outcome: 'not-applied', isThere: true });
    await close();
  });
}
