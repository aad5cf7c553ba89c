import { utf8, utf8Text } from '../core/bytes.js';
import type { Span } from '../line/rule.js';
import type { KeyValue } from '../store/messages.js';
import type { QueueKeys } from './keys.js';
import { ticketOf } from './ticket.js';

/** Priorities that are told apart; of more than that none is known. */
const most = 16;

/**
 * Numbers below which no job of a priority stands in `ready` where it was enqueued, or ever will: that place is taken
 * in the order of the numbers and never again (`comeBack`). What lies below need not be looked at, which spares etcd a
 * walk over every key that was deleted there since the last compaction. All of it is forgotten every `keptMs`, so that
 * what is there against the rule is found nevertheless.
 */
export class Floors {
  readonly #keys: QueueKeys;
  readonly #keptMs: number;
  readonly #byPriority = new Map<number, number>();
  #sinceMs = 0;

  constructor(keys: QueueKeys, keptMs: number) {
    this.#keys = keys;
    this.#keptMs = keptMs;
  }

  of(priority: number): number {
    return this.#byPriority.get(priority) ?? 0;
  }

  /**
   * At some revision `last` was taken, and nothing was in front of it. Whatever of a higher priority is enqueued after
   * that has a higher number. Of its own priority this tells nothing if it had come back: those that have not are
   * behind it.
   */
  learn(last: KeyValue): void {
    const { seq, priority } = ticketOf(last);
    const atItsPlace = utf8Text(last.key) === this.#keys.readyOf({ seq, priority });
    if (atItsPlace && !this.#byPriority.has(priority) && this.#byPriority.size < most)
      this.#byPriority.set(priority, 0);
    for (const [each, floor] of this.#byPriority) {
      const isClear = each > priority || (each === priority && atItsPlace);
      if (isClear && floor <= seq) this.#byPriority.set(each, seq + 1);
    }
  }

  /** What is to be looked at of `ready` in front of `end`, in order. */
  spans(end: string): readonly Span[] {
    const spans: Span[] = [];
    let from = this.#keys.ready;
    for (const [priority, floor] of [...this.#byPriority].sort(([a], [b]) => b - a)) {
      const place = this.#keys.readyOf({ seq: 0, priority });
      if (place >= end) break;
      spans.push({ key: utf8(from), rangeEnd: utf8(place) });
      from = this.#keys.readyOf({ seq: floor, priority });
    }
    if (from === end) return spans;
    if (from < end) return [...spans, { key: utf8(from), rangeEnd: utf8(end) }];
    // There is one that should not be there.
    this.#byPriority.clear();
    return [{ key: utf8(this.#keys.ready), rangeEnd: utf8(end) }];
  }

  /** Whether it is time to look at everything again. */
  forget(nowMs: number): void {
    if (nowMs - this.#sinceMs < this.#keptMs) return;
    this.#sinceMs = nowMs;
    this.#byPriority.clear();
  }
}
