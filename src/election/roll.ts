import { type Bytes, latin1 } from '../core/bytes.js';
import { comparePlaces, isPlace, type Place } from '../line/place.js';
import { keepKeyValue } from '../store/keep.js';
import { type Event, EventType, type KeyValue } from '../store/messages.js';

/** The candidates of one election as of one revision, kept up by events: who leads is derived, never stored. */
export class Roll {
  readonly #prefix: Bytes;
  readonly #candidates = new Map<string, Place>();

  constructor(prefix: Bytes, kvs: readonly KeyValue[]) {
    this.#prefix = prefix;
    for (const kv of kvs) this.#put(kv);
  }

  apply(event: Event): void {
    if (event.type === EventType.delete) this.#candidates.delete(latin1(event.kv.key));
    else this.#put(keepKeyValue(event.kv));
  }

  /** Everybody, the leader first. */
  get inOrder(): Place[] {
    return [...this.#candidates.values()].sort(comparePlaces);
  }

  /** The candidate that came first, or undefined: nobody leads. */
  get leader(): Place | undefined {
    let first: Place | undefined;
    for (const each of this.#candidates.values()) {
      if (first === undefined || comparePlaces(each, first) < 0) first = each;
    }
    return first;
  }

  #put(kv: KeyValue): void {
    if (isPlace(this.#prefix, kv)) this.#candidates.set(latin1(kv.key), kv);
    // A key that lost its lease is no place any more.
    else this.#candidates.delete(latin1(kv.key));
  }
}
