/** What a deadline is kept for. `deadlineMs` may grow while it is in the heap, never shrink. */
export interface Deadlined {
  readonly deadlineMs: number;
  /** Whether it still counts; what does not is dropped when met. */
  readonly gone: boolean;
}

interface Entry<T> {
  /** The item's deadline when it was pushed: never above its present one. */
  readonly atMs: number;
  readonly item: T;
}

/**
 * A binary heap by deadline that does not hear of later deadlines: an item is looked at when its old deadline comes,
 * and goes back in. So a heartbeat costs one assignment (performance.md section 6).
 */
export class DeadlineHeap<T extends Deadlined> {
  #entries: Entry<T>[] = [];

  /** Entries, those of gone items included. */
  get size(): number {
    return this.#entries.length;
  }

  push(item: T): void {
    this.#entries.push({ atMs: item.deadlineMs, item });
    this.#up(this.#entries.length - 1);
  }

  /** The item with the earliest deadline; stays in. */
  peek(): T | undefined {
    // Bounded: every turn drops a gone entry or brings one up to its present deadline.
    for (;;) {
      const top = this.#entries[0];
      if (top === undefined) return undefined;
      if (!top.item.gone && top.atMs >= top.item.deadlineMs) return top.item;
      this.pop();
      if (!top.item.gone) this.push(top.item);
    }
  }

  /** Takes out what `peek` would show. */
  pop(): void {
    const last = this.#entries.pop();
    if (last === undefined || this.#entries.length === 0) return;
    this.#entries[0] = last;
    this.#down(0);
  }

  /** Drops the entries of gone items, which otherwise stay until their deadline. */
  sweep(): void {
    this.#entries = this.#entries.filter((entry) => !entry.item.gone);
    for (let i = (this.#entries.length >>> 1) - 1; i >= 0; i--) this.#down(i);
  }

  #up(from: number): void {
    const entries = this.#entries;
    const entry = entries[from] as Entry<T>;
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >>> 1;
      if ((entries[parent] as Entry<T>).atMs <= entry.atMs) break;
      entries[i] = entries[parent] as Entry<T>;
      i = parent;
    }
    entries[i] = entry;
  }

  #down(from: number): void {
    const entries = this.#entries;
    const entry = entries[from] as Entry<T>;
    let i = from;
    // Bounded by the height of the heap.
    for (;;) {
      let child = 2 * i + 1;
      if (child >= entries.length) break;
      const right = child + 1;
      if (right < entries.length && (entries[right] as Entry<T>).atMs < (entries[child] as Entry<T>).atMs)
        child = right;
      if ((entries[child] as Entry<T>).atMs >= entry.atMs) break;
      entries[i] = entries[child] as Entry<T>;
      i = child;
    }
    entries[i] = entry;
  }
}
