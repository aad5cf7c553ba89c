import { utf8Text } from '../core/bytes.js';
import { type Deferred, deferred } from '../core/deferred.js';
import { follow } from '../store/follow.js';
import { EventType, type KeyValue } from '../store/messages.js';
import type { ClaimSite } from './claim.js';
import { below, dueMsAt } from './keys.js';
import { ticketOf } from './ticket.js';

/**
 * The delayed jobs as one keeper sees them. When a job is due is written by its writer's wall clock; the keeper waits
 * by its own timers, and never longer than the job's whole delay, however wrong either clock is.
 */
export class Delays {
  readonly #site: ClaimSite;
  readonly #timers = new Map<string, () => void>();
  readonly #due = new Map<string, KeyValue>();
  readonly #stop: () => void;
  #bell: Deferred<void> = deferred();

  constructor(site: ClaimSite) {
    this.#site = site;
    const { store, runtime } = site.context;
    this.#bell.promise.catch(() => {});
    this.#stop = follow(
      store,
      runtime,
      { ...below(site.keys.delayed), lane: 'control' },
      {
        onSnapshot: (kvs) => {
          this.#forgetAll();
          for (const kv of kvs) this.#wait(kv);
        },
        onEvents: (events) => {
          for (const { type, kv } of events) {
            if (type === EventType.delete) this.#forget(utf8Text(kv.key));
            else this.#wait(kv);
          }
        },
        onEnd: (error) => this.#bell.reject(error),
      },
    );
  }

  /** Resolves to jobs that are due, at most `limit`, as soon as there are some. They are told once. */
  async next(limit: number): Promise<readonly KeyValue[]> {
    while (this.#due.size === 0) {
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

  #wait(kv: KeyValue): void {
    const { runtime } = this.#site.context;
    const key = utf8Text(kv.key);
    this.#forget(key);
    const leftMs = dueMsAt(kv.key) - runtime.wallMs();
    const waitMs = Math.min(Math.max(0, leftMs), ticketOf(kv).delayMs ?? 0, longestTimerMs);
    const stopTimer = runtime.setTimer(waitMs, () => {
      this.#timers.delete(key);
      if (waitMs === longestTimerMs) return this.#wait(kv);
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

/** What Node's timers can count: a day is well below. */
const longestTimerMs = 86_400_000;
