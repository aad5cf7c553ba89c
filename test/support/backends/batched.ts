import { BatchingStore } from '../../../src/store/batch/batching-store.js';
import type { Store } from '../../../src/store/store.js';
import type { Backend } from '../backends.js';

/** `backend` with calls gathered as `connect()` does it, but from the second one on: that finds more. */
export function batched(backend: Backend): Backend {
  return {
    ...backend,
    name: `${backend.name}, batched`,
    async open(options) {
      const opened = await backend.open(options);
      const { runtime } = opened;
      const wrap = (store: Store) => new BatchingStore(store, { runtime, inFlightMax: 1 });
      return { ...opened, store: wrap(opened.store), connect: async () => wrap(await opened.connect()) };
    },
  };
}
