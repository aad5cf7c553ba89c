export interface SimTimer {
  readonly dueMs: number;
  /** Order of arming: timers that are due together run in this order. */
  readonly seq: number;
  readonly fn: () => void;
  cancelled: boolean;
}

/** Timers in order of (`dueMs`, `seq`): a binary heap in which a cancelled timer stays until it comes to the top. */
export class TimerQueue {
  #heap: SimTimer[] = [];
  #seq = 0;
  #cancelled = 0;

  /** Timers that are still to run. */
  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** The function returned takes the timer back; idempotent, and without effect once the timer was taken. */
  add(dueMs: number, fn: () => void): () => void {
    const timer: SimTimer = { dueMs, seq: this.#seq++, fn, cancelled: false };
    this.#heap.push(timer);
    this.#siftUp(this.#heap.length - 1);
    return () => {
      if (timer.cancelled) return;
      timer.cancelled = true;
      this.#cancelled++;
      if (this.#cancelled > 64 && this.#cancelled > this.#heap.length / 2) this.#compact();
    };
  }

  peek(): SimTimer | undefined {
    // Bounded by the heap's length, which each turn shortens.
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (!top.cancelled) return top;
      this.#removeTop();
      this.#cancelled--;
    }
    return undefined;
  }

  /** Takes the next timer out. */
  take(): SimTimer | undefined {
    const top = this.peek();
    if (top === undefined) return undefined;
    this.#removeTop();
    // From here on its clean-up must not count it again.
    top.cancelled = true;
    return top;
  }

  #removeTop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#siftDown(0);
  }

  #compact(): void {
    this.#heap = this.#heap.filter((timer) => !timer.cancelled).sort((a, b) => (before(a, b) ? -1 : 1));
    this.#cancelled = 0;
  }

  #siftUp(from: number): void {
    let at = from;
    // Bounded by the heap's depth.
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfBefore(at, parent)) return;
      at = parent;
    }
  }

  #siftDown(from: number): void {
    let at = from;
    // Bounded by the heap's depth.
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      if (left >= this.#heap.length) return;
      const child = right < this.#heap.length && before(this.#at(right), this.#at(left)) ? right : left;
      if (!this.#swapIfBefore(child, at)) return;
      at = child;
    }
  }

  #swapIfBefore(lower: number, upper: number): boolean {
    const a = this.#at(lower);
    const b = this.#at(upper);
    if (!before(a, b)) return false;
    this.#heap[lower] = b;
    this.#heap[upper] = a;
    return true;
  }

  #at(index: number): SimTimer {
    return this.#heap[index] as SimTimer;
  }
}

function before(a: SimTimer, b: SimTimer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.seq < b.seq);
}
