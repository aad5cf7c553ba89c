import { type Bytes, latin1, prefixEnd, utf8Text } from '../../core/bytes.js';
import { comparePlaces, isPlace, type Place } from '../../line/place.js';
import type { SimServer } from '../sim-server.js';

/** Who leads by the server's own state, after each of its revisions. */
export class LeaderTruth {
  readonly #object: string;
  readonly #prefix: Bytes;
  #present = 'nobody';
  #begun = false;

  constructor(object: string, prefix: Bytes) {
    this.#object = object;
    this.#prefix = prefix;
  }

  /** Called after each change of the store. */
  look({ truth, recorder }: SimServer): void {
    if (!this.#begun) recorder.note('server', this.#object, 'state', { revision: 1n, value: null });
    this.#begun = true;
    const { space } = truth.engine;
    const range = { start: latin1(this.#prefix), end: latin1(prefixEnd(this.#prefix)), single: false };
    let first: Place | undefined;
    for (const kv of space.scan(range, undefined, 1000).kvs) {
      if (isPlace(this.#prefix, kv) && (first === undefined || comparePlaces(kv, first) < 0)) first = kv;
    }
    const value = first === undefined ? null : { term: first.createRevision, value: utf8Text(first.value) };
    const present = value === null ? 'nobody' : `${value.term} ${value.value}`;
    if (present === this.#present) return;
    this.#present = present;
    recorder.note('server', this.#object, 'state', { revision: space.revision, value });
  }
}
