import { type Bytes, prefixEnd, utf8Text } from '../../core/bytes.js';
import { inRange, type KeyRange, keyRange } from '../../engine/key-range.js';
import type { Revision } from '../../engine/key-record.js';
import { comparePlaces, isPlace, type Place } from '../../line/place.js';
import type { SimServer } from '../sim-server.js';

/** Who leads by the server's own state, after each of its revisions. */
export class LeaderTruth {
  readonly #object: string;
  readonly #prefix: Bytes;
  readonly #range: KeyRange;
  #present = 'nobody';
  #begun = false;

  constructor(object: string, prefix: Bytes) {
    this.#object = object;
    this.#prefix = prefix;
    this.#range = keyRange(prefix, prefixEnd(prefix));
  }

  /** Called after each change of the store. */
  look({ truth, recorder }: SimServer, { revision, changes }: Revision): void {
    if (!this.#begun) recorder.note('server', this.#object, 'state', { revision: 1n, value: null });
    this.#begun = true;
    if (!changes.some(({ text }) => inRange(this.#range, text))) return;
    let first: Place | undefined;
    for (const kv of truth.engine.space.scan(this.#range, undefined, 1000).kvs) {
      if (isPlace(this.#prefix, kv) && (first === undefined || comparePlaces(kv, first) < 0)) first = kv;
    }
    const value = first === undefined ? null : { term: first.createRevision, value: utf8Text(first.value) };
    const present = value === null ? 'nobody' : `${value.term} ${value.value}`;
    if (present === this.#present) return;
    this.#present = present;
    recorder.note('server', this.#object, 'state', { revision, value });
  }
}
