import { BatchingStore } from '../../../src/store/batch/batching-store.js';
import { SharingStore } from '../../../src/store/sharing/sharing-store.js';
import type { Store } from '../../../src/store/store.js';
import type { Backend } from '../backends.js';

/** `backend` with calls gathered and watches shared as `connect()` does it, but from the second call on: finds more. */
export function asConnected(backend: Backend): Backend {
  return {
    ...backend,
    name: `${backend.name}, batched and shared`,
    async open(options) {
      const opened = await backend.open(options);
      const { runtime } = opened;
      const wrap = (store: Store) => new SharingStore(new BatchingStore(store, { runtime, inFlightMax: 1 }));
      return { ...opened, store: wrap(opened.store), connect: async () => wrap(await opened.connect()) };
    },
  };
}
