import { type Bytes, concatBytes, latin1, sameBytes, utf8 } from '../core/bytes.js';
import { modifiedAt } from '../store/ops.js';
import { admitAlone } from './admit.js';
import { deletionOf, eldersIn, newestIn, noneIn, type Rule, tagged } from './rule.js';

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
  const readers = tagged(prefix, sharedTag);
  const writers = { key: prefix, rangeEnd: readers };
  return {
    kind: 'shared',
    prefix,
    stands: readers,
    free: [noneIn(writers)],
    passesOn: false,
    reads: (extent) => [newestIn(writers, extent)],
    admit: ([page], createRevision) => {
      if (page === undefined) return undefined;
      const elders = eldersIn(page, prefix, createRevision).filter(({ value }) => !isDowngraded(value));
      return elders.length === 0 && page.more ? undefined : admitAlone(elders);
    },
    stillWaits: (wait) => (wait.type === 'wait' ? modifiedAt(wait.behind.key, wait.behind.modRevision) : undefined),
    // A writer that reads only now lets readers in: its puts count as well.
    bells: (wait, own) => (wait.type === 'wait' ? [{ key: wait.behind.key }, deletionOf(own)] : [deletionOf(own)]),
  };
}
