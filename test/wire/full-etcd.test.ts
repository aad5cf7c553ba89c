import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { ConclaveError, type Outcome } from '../../src/core/errors.js';
import { etcdErrors } from '../../src/store/etcd-errors.js';
import { put } from '../../src/store/ops.js';
import { findEtcd, startEtcd } from '../support/etcd.js';
import { expectNoLeaks } from '../support/leaks.js';
import { openH2 } from '../support/remote-stores.js';
import { describeSkipped } from '../support/skip.js';

const found = await findEtcd({ own: true });

if ('missing' in found) describeSkipped('an etcd at its quota', found.missing, () => suite());
else describe('an etcd at its quota', suite);

const quotaBytes = 500_000;
const small = 'v'.repeat(300);
/**
 * As many writes of `small` as the first window of a connection to etcd takes at once (64 KiB): it has looked at all of
 * them before it has done the first one, and does what it let in.
 */
const together = 100;

interface Told {
  readonly message: string;
  readonly outcome: Outcome;
  readonly isThere: boolean;
}

function suite(): void {
  expectNoLeaks();

  it('applies what it says that it has no room for, so that nobody is told it did not', async () => {
    const isApplied = { message: etcdErrors.noSpace.text, outcome: 'unknown', isThere: true };
    // Bounded by chance: an etcd that is full between two rounds refuses all of the next one at its door (1 of 24).
    for (let shown = false; !shown; ) {
      const told = await fill();
      expect(told).not.toContainEqual({ ...isApplied, outcome: 'not-applied' });
      shown = told.some((each) => isDeepStrictEqual(each, isApplied));
    }
  });
}

/** What those are told for whom a new etcd has no room, and whether it did what they asked. */
async function fill(): Promise<Told[]> {
  await using etcd = await startEtcd({
    args: () => [`--quota-backend-bytes=${quotaBytes}`, '--backend-batch-limit=1'],
  });
  const { store, close } = openH2([etcd.url]);
  const told: Told[] = [];
  // Bounded by the quota.
  for (let round = 0; told.length === 0; round++) {
    const keys = Array.from({ length: together }, (_, i) => `small/${round}/${i}`);
    const puts = await Promise.allSettled(keys.map((key) => store.txn({ success: [put(key, small)] })));
    for (const [i, each] of puts.entries()) {
      if (each.status === 'fulfilled') continue;
      const { count } = await store.range({ key: utf8(keys[i] ?? '') });
      const { message, outcome } = ConclaveError.from(each.reason);
      told.push({ message, outcome, isThere: count > 0n });
    }
  }
  await close();
  return told;
}
