import { type Bytes, concatBytes, latin1, sameBytes, utf8 } from '../core/bytes.js';
import type { Compare, RangeResponse, RequestOp } from '../store/messages.js';
import { modifiedAt } from '../store/ops.js';
import { type Admission, admitAlone, type Wait } from './admit.js';
import {
  type Bell,
  deletionOf,
  type Extent,
  eldersIn,
  newestIn,
  noneIn,
  type Rule,
  type Span,
  tagged,
} from './rule.js';

/** Readers' keys stand behind all others, which begin with a lease in hex: who looks for writers reads no readers. */
const sharedTag = 'r.';

/**
 * With this a writer's value begins that reads only now. Its place keeps its key and with it its turn: a new place
 * would stand behind writers that wait, and they would come in beside it.
 */
const sharedMark = utf8('{"shared":true');

/** The value of a writer's place from now on, when it only reads. `value` is JSON. */
export function downgraded(value: Bytes): Bytes {
  const rest = value.subarray(1);
  return concatBytes(sharedMark, utf8(rest.length > 1 ? ',' : ''), rest);
}

/** Whether `key` is a reader's, by what stands behind the last slash. */
export function isReader(key: Bytes): boolean {
  const text = latin1(key);
  return text.startsWith(sharedTag, text.lastIndexOf('/') + 1);
}

/** Whether a place that is not a reader's lets readers in beside it. */
export function isDowngraded(value: Bytes): boolean {
  return sameBytes(value.subarray(0, sharedMark.length), sharedMark);
}

/**
 * A place that shares with others of its kind: a read lock. It waits for all writers who came before it, so that a
 * writer that waits lets no later reader in, and for no reader. Whatever is no reader's place is taken for a writer's,
 * those of Go and etcdctl too.
 */
export function shared(prefix: Bytes): Rule {
  return new Shared(prefix);
}

class Shared implements Rule {
  readonly kind = 'shared';
  readonly prefix: Bytes;
  readonly stands: Bytes;
  readonly passesOn = false;
  readonly #writers: Span;

  constructor(prefix: Bytes) {
    this.prefix = prefix;
    this.stands = tagged(prefix, sharedTag);
    this.#writers = { key: prefix, rangeEnd: this.stands };
  }

  get free(): readonly Compare[] {
    return [noneIn(this.#writers)];
  }

  reads(extent: Extent): readonly RequestOp[] {
    return [newestIn(this.#writers, extent)];
  }

  admit([page]: readonly RangeResponse[], createRevision: bigint | undefined): Admission | undefined {
    if (page === undefined) return undefined;
    const elders = eldersIn(page, this.prefix, createRevision).filter(({ value }) => !isDowngraded(value));
    return elders.length === 0 && page.more ? undefined : admitAlone(elders);
  }

  stillWaits(wait: Wait): Compare | undefined {
    return wait.type === 'wait' ? modifiedAt(wait.behind.key, wait.behind.modRevision) : undefined;
  }

  /** A writer that reads only now lets readers in: its puts count as well. */
  bells(wait: Wait, own: Bytes): readonly Bell[] {
    return wait.type === 'wait' ? [{ key: wait.behind.key }, deletionOf(own)] : [deletionOf(own)];
  }
}
