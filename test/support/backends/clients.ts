import type { Store } from '../../../src/store/store.js';

/** The stores of one test, closed together. */
export class Clients {
  readonly #make: () => Store;
  readonly #stores: Store[] = [];

  constructor(make: () => Store) {
    this.#make = make;
  }

  add(): Store {
    const store = this.#make();
    this.#stores.push(store);
    return store;
  }

  async close(): Promise<void> {
    for (const store of this.#stores) await store.close();
  }
}
