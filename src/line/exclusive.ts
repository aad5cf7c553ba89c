import type { Bytes } from '../core/bytes.js';
import type { Compare, RangeResponse, RequestOp } from '../store/messages.js';
import { createdAt } from '../store/ops.js';
import { type Admission, admitAlone, type Wait } from './admit.js';
import { type Bell, below, deletionOf, type Extent, eldersIn, newestIn, noneIn, type Rule } from './rule.js';

/**
 * A place that shares with nobody: a lock, a write lock, a candidate. It waits for all who came before it. `tellsNext`:
 * whether values are ours, so that what they say of the head counts.
 */
export function exclusive(prefix: Bytes, tellsNext = false): Rule {
  return new Exclusive(prefix, tellsNext);
}

class Exclusive implements Rule {
  readonly kind = 'exclusive';
  readonly prefix: Bytes;
  readonly passesOn = false;
  readonly tellsNext: boolean;

  constructor(prefix: Bytes, tellsNext: boolean) {
    this.prefix = prefix;
    this.tellsNext = tellsNext;
  }

  get stands(): Bytes {
    return this.prefix;
  }

  get free(): readonly Compare[] {
    return [noneIn(below(this.prefix))];
  }

  reads(extent: Extent): readonly RequestOp[] {
    return [newestIn(below(this.prefix), extent)];
  }

  admit([page]: readonly RangeResponse[], createRevision: bigint | undefined): Admission | undefined {
    if (page === undefined) return undefined;
    const elders = eldersIn(page, this.prefix, createRevision);
    // The page may hold nothing but keys of nested names.
    return elders.length === 0 && page.more ? undefined : admitAlone(elders);
  }

  /** Older places only go: who was the newest of them still is, as long as it is there. */
  stillWaits(wait: Wait): Compare | undefined {
    return wait.type === 'wait' ? createdAt(wait.behind.key, wait.behind.createRevision) : undefined;
  }

  bells(wait: Wait, own: Bytes): readonly Bell[] {
    if (wait.type !== 'wait') return [deletionOf(own)];
    const gone = deletionOf(wait.behind.key);
    return [this.tellsNext ? { ...gone, prevKv: true } : gone, deletionOf(own)];
  }
}
