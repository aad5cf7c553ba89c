import { expect, it } from 'vitest';
import { utf8Text } from '../../src/core/bytes.js';
import type { ClaimSite } from '../../src/queue/claim.js';
import { Due } from '../../src/queue/due.js';
import { etcdError } from '../../src/store/etcd-errors.js';
import { put, remove } from '../../src/store/ops.js';
import { inWorld } from '../support/sim-world.js';

it('QUEUE-12: what was due when the watch ended is told, and then the end', () =>
  inWorld(async (world) => {
    const { context, store } = world.client();
    const due = new Due({ context } as Partial<ClaimSite> as ClaimSite, 'folder/', (_, seenMs) => {
      return 1_000 - (context.runtime.monotonicMs() - seenMs);
    });
    await world.settle();
    await world.truth.txn({ success: [put('folder/a', '')] });
    // Nobody asks when it becomes due, nor when the watch ends.
    await world.advance(2_000);
    store.endWatches(etcdError('permissionDenied'));
    expect((await world.until(due.next(16))).map(({ key }) => utf8Text(key))).toEqual(['folder/a']);
    await expect(world.until(due.next(16))).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    due.close();
    await world.truth.txn({ success: [remove('folder/a')] });
  }));
