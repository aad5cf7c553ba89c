import { type Bytes, sameBytes } from '../../core/bytes.js';
import { type Compare, CompareResult, CompareTarget, type PutRequest, type TxnRequest } from '../messages.js';
import { type KeySpan, SpanSet, spanOf } from './span-set.js';

/** What a txn touches, whichever way its compares turn out, and how large it is. */
export interface Footprint {
  readonly reads: readonly KeySpan[];
  readonly writes: readonly KeySpan[];
  /**
   * The directories in which it may make places of a line: keys that hang on a lease, or must not have been there.
   * Their order is that of their create revisions, which one batch would make the same.
   */
  readonly lines: readonly string[];
  /** As etcd counts against `--max-txn-ops`: the longest list of each level, levels added up. */
  readonly operations: number;
  /** Of keys and values. */
  readonly bytes: number;
  /** Whether it may put something: a store that is full takes all the rest. */
  readonly grows: boolean;
}

/** Undefined: it holds what no store takes, and is to be refused alone. */
export function footprintOf(txn: TxnRequest): Footprint | undefined {
  const builder = new FootprintBuilder();
  const operations = builder.txn(txn);
  if (builder.refused) return undefined;
  const { reads, writes, lines, bytes, grows } = builder;
  return { reads, writes, lines, operations, bytes, grows };
}

class FootprintBuilder {
  readonly reads: KeySpan[] = [];
  readonly writes: KeySpan[] = [];
  readonly lines: string[] = [];
  bytes = 0;
  grows = false;
  refused = false;

  /** Its operations, counted. */
  txn({ compare = [], success = [], failure = [] }: TxnRequest): number {
    for (const each of compare) {
      this.reads.push(this.#span(each.key, each.rangeEnd));
      this.bytes += each.value?.length ?? 0;
    }
    const nested = Math.max(this.#operations(success, compare), this.#operations(failure, compare));
    return Math.max(compare.length, success.length, failure.length) + nested;
  }

  /** Those of the nested txns. */
  #operations(operations: NonNullable<TxnRequest['success']>, compare: readonly Compare[]): number {
    let nested = 0;
    for (const each of operations) {
      switch (each.type) {
        case 'range':
          this.reads.push(this.#span(each.request.key, each.request.rangeEnd));
          break;
        case 'put':
          this.#put(each.request, compare);
          break;
        case 'deleteRange':
          this.writes.push(this.#span(each.request.key, each.request.rangeEnd));
          break;
        case 'txn':
          nested = Math.max(nested, this.txn(each.request));
          break;
        case 'none':
          this.refused = true;
      }
    }
    return nested;
  }

  #put({ key, value, lease = 0n }: PutRequest, compare: readonly Compare[]): void {
    const span = this.#span(key, undefined);
    this.writes.push(span);
    this.grows = true;
    this.bytes += value?.length ?? 0;
    if (lease !== 0n || compare.some((each) => wantsAbsent(each, key))) {
      this.lines.push(span.from.slice(0, span.from.lastIndexOf('/') + 1));
    }
  }

  #span(key: Bytes, rangeEnd: Bytes | undefined): KeySpan {
    if (key.length === 0) this.refused = true;
    this.bytes += key.length + (rangeEnd?.length ?? 0);
    return spanOf(key, rangeEnd);
  }
}

/** Whether `compare` holds only if there is no `key`, as its author wrote it. */
function wantsAbsent({ key: compared, target = 0, result = 0, ...operands }: Compare, key: Bytes): boolean {
  if (result !== CompareResult.equal || !sameBytes(compared, key)) return false;
  const { version = 0n, createRevision = 0n, modRevision = 0n } = operands;
  if (target === CompareTarget.version) return version === 0n;
  if (target === CompareTarget.create) return createRevision === 0n;
  return target === CompareTarget.mod && modRevision === 0n;
}

/** What is touched by several txns together. */
export class Ground {
  readonly #read = new SpanSet();
  readonly #written = new SpanSet();
  readonly #lines = new Set<string>();

  /** Whether nothing that one of them writes is read or written by the other, and no line gets places from both. */
  isClearOf({ reads, writes, lines }: Footprint): boolean {
    return (
      !reads.some((each) => this.#written.overlaps(each)) &&
      !writes.some((each) => this.#written.overlaps(each) || this.#read.overlaps(each)) &&
      !lines.some((each) => this.#lines.has(each))
    );
  }

  add({ reads, writes, lines }: Footprint): void {
    for (const each of reads) this.#read.add(each);
    for (const each of writes) this.#written.add(each);
    for (const each of lines) this.#lines.add(each);
  }
}
