import { utf8Text } from '../core/bytes.js';
import { type Deferred, deferred } from '../core/deferred.js';
import { follow } from '../store/follow.js';
import { keepKeyValue } from '../store/keep.js';
import { EventType, type KeyValue } from '../store/messages.js';
import type { ClaimSite } from './claim.js';
import { below } from './keys.js';

/** When a key is due: milliseconds from now, given when it was first seen, by the keeper's own monotonic clock. */
export type DueIn = (kv: KeyValue, seenMs: number) => number;

/** How long one timer runs at most: then the clocks are looked at again, which may have been set meanwhile. */
const longestTimerMs = 60_000;

/** The keys of a folder as one keeper sees them, each told when it is due. */
export class Due {
  readonly #site: ClaimSite;
  readonly #dueIn: DueIn;
  readonly #timers = new Map<string, () => void>();
  readonly #due = new Map<string, KeyValue>();
  readonly #stop: () => void;
  #bell: Deferred<void> = deferred();
  /** Of the watch: nothing more comes. */
  #end: { readonly error: unknown } | undefined;

  constructor(site: ClaimSite, folder: string, dueIn: DueIn) {
    this.#site = site;
    this.#dueIn = dueIn;
    const { store, runtime } = site.context;
    this.#bell.promise.catch(() => {});
    this.#stop = follow(
      store,
      runtime,
      { ...below(folder), lane: 'control' },
      {
        onSnapshot: (kvs) => {
          this.#forgetAll();
          for (const kv of kvs) this.#wait(kv);
        },
        onEvents: (events) => {
          for (const { type, kv } of events) {
            if (type === EventType.delete) this.#forget(utf8Text(kv.key));
            else this.#wait(keepKeyValue(kv));
          }
        },
        onEnd: (error) => {
          this.#end = { error };
          this.#bell.reject(error);
        },
      },
    );
  }

  /** Resolves to keys that are due, at most `limit`, as soon as there are some. They are told once. */
  async next(limit: number): Promise<readonly KeyValue[]> {
    while (this.#due.size === 0) {
      // The bell may have rung before.
      if (this.#end !== undefined) throw this.#end.error;
      await this.#bell.promise;
      this.#bell = deferred();
      this.#bell.promise.catch(() => {});
    }
    const found = [...this.#due].slice(0, limit);
    for (const [key] of found) this.#due.delete(key);
    return found.map(([, kv]) => kv);
  }

  close(): void {
    this.#stop();
    this.#forgetAll();
  }

  #wait(kv: KeyValue, seenMs = this.#site.context.runtime.monotonicMs()): void {
    const { runtime } = this.#site.context;
    const key = utf8Text(kv.key);
    this.#forget(key);
    const leftMs = Math.max(0, this.#dueIn(kv, seenMs));
    if (leftMs === Number.POSITIVE_INFINITY) return;
    const stopTimer = runtime.setTimer(Math.min(leftMs, longestTimerMs), () => {
      this.#timers.delete(key);
      // The wall clock may have been set back, and by that one it is not due.
      if (this.#dueIn(kv, seenMs) > 0) return this.#wait(kv, seenMs);
      this.#due.set(key, kv);
      this.#bell.resolve();
    });
    this.#timers.set(key, stopTimer);
  }

  #forget(key: string): void {
    this.#timers.get(key)?.();
    this.#timers.delete(key);
    this.#due.delete(key);
  }

  #forgetAll(): void {
    for (const stopTimer of this.#timers.values()) stopTimer();
    this.#timers.clear();
    this.#due.clear();
  }
}
