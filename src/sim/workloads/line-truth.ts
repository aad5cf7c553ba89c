import { type Bytes, latin1, prefixEnd } from '../../core/bytes.js';
import { inRange, type KeyRange, keyRange } from '../../engine/key-range.js';
import type { Revision } from '../../engine/key-record.js';
import { decodeHolder } from '../../line/holder.js';
import { reads } from '../../line/line-kind.js';
import { comparePlaces, isPlace } from '../../line/place.js';
import { permitsIn, semaphoreKeys, weightOf } from '../../line/weighted.js';
import { plainText } from '../checkers/plain-text.js';
import type { SimServer } from '../sim-server.js';
import type { FactOf } from '../vocabulary.js';

/** Who stands in a line by the server's own state, after each of its revisions. */
export class LineTruth {
  readonly #object: string;
  readonly #prefix: Bytes;
  readonly #range: KeyRange;
  /** For a semaphore: the number of permits that its users declare. */
  readonly #declared: number | undefined;
  #present = '';

  constructor(object: string, prefix: Bytes, declared?: number) {
    this.#object = object;
    this.#prefix = prefix;
    this.#range = keyRange(prefix, prefixEnd(prefix));
    this.#declared = declared;
  }

  /** Called after each change of the store. */
  look(server: SimServer, { revision, changes }: Revision): void {
    if (!changes.some(({ text }) => inRange(this.#range, text))) return;
    const line = this.#read(server);
    const present = plainText(line);
    if (present === this.#present) return;
    this.#present = present;
    server.recorder.note('server', this.#object, 'line.state', { revision, ...line });
  }

  #read({ truth }: SimServer): Omit<FactOf<'line.state'>, 'revision'> {
    const prefix = this.#prefix;
    const declared = this.#declared;
    const { kvs } = truth.engine.space.scan(this.#range, undefined, 1000);
    const places = kvs
      .filter((kv) => isPlace(prefix, kv))
      .sort(comparePlaces)
      .map((place) => {
        const owner = decodeHolder(place.value).label ?? '';
        const takes = declared === undefined ? { reads: reads(place) } : { permits: weightOf(prefix, place) };
        return { fence: place.createRevision, owner, ...takes };
      });
    if (declared === undefined) return { places };
    const text = latin1(semaphoreKeys(prefix).permits);
    const record = kvs.filter(({ key }) => latin1(key) === text);
    const { permits } = permitsIn({ kvs: record }, declared);
    return { places, permits, ...(record[0] && { permitsSince: record[0].modRevision }) };
  }
}
