import type { KvAnswer, KvCompare, KvDelete, KvItem, KvOp, KvPut, KvRange, KvTxn } from '../vocabulary.js';
import { compareBigints } from './bigints.js';
import { inRange } from './watch-log.js';

/** The keys that a txn changed, in the order of its operations; null: deleted. */
export type Changes = ReadonlyMap<string, KvItem | null>;

export interface Outcome {
  readonly succeeded: boolean;
  readonly responses: readonly KvAnswer[];
  readonly changes: Changes;
}

/** etcd's key-value model at one revision, as simple as can be: it is what recorded answers are judged by. */
export class KvModel {
  readonly #items = new Map<string, KvItem>();

  get items(): ReadonlyMap<string, KvItem> {
    return this.#items;
  }

  commit(changes: Changes): void {
    for (const [key, item] of changes) this.set(key, item);
  }

  set(key: string, item: KvItem | null): void {
    if (item === null) this.#items.delete(key);
    else this.#items.set(key, item);
  }

  range(input: KvRange): { kvs: readonly KvItem[]; count: bigint } {
    return new Draft(this.#items, 0n).range(input);
  }

  /** A put of its own, as most are. */
  put(key: string, value: string, lease: bigint, revision: bigint): KvItem {
    const before = this.#items.get(key);
    const create = before?.create ?? revision;
    const item = { key, value, create, mod: revision, version: (before?.version ?? 0n) + 1n, lease };
    this.#items.set(key, item);
    return item;
  }

  /** What the txn would answer and change if it were the one of `revision`; changes nothing itself. */
  run(txn: KvTxn, revision: bigint): Outcome {
    const draft = new Draft(this.#items, revision);
    const { succeeded, responses } = draft.txn(txn);
    return { succeeded, responses, changes: draft.changes };
  }
}

/** The state in the course of one txn: each operation sees what those before it did. */
class Draft {
  readonly changes = new Map<string, KvItem | null>();
  readonly #items: ReadonlyMap<string, KvItem>;
  readonly #revision: bigint;

  constructor(items: ReadonlyMap<string, KvItem>, revision: bigint) {
    this.#items = items;
    this.#revision = revision;
  }

  txn({ compare, success, failure }: KvTxn): { succeeded: boolean; responses: KvAnswer[] } {
    const succeeded = compare.every((each) => this.#holds(each));
    return { succeeded, responses: (succeeded ? success : failure).map((op) => this.#run(op)) };
  }

  range({ key, rangeEnd, limit, countOnly, keysOnly }: KvRange): { kvs: readonly KvItem[]; count: bigint } {
    const found = this.#select(key, rangeEnd);
    const shown = countOnly === true ? [] : limit === undefined || limit === 0 ? found : found.slice(0, limit);
    const kvs = keysOnly === true ? shown.map((item) => ({ ...item, value: '' })) : shown;
    return { kvs, count: BigInt(found.length) };
  }

  #run(op: KvOp): KvAnswer {
    switch (op.op) {
      case 'range':
        return { op: 'range', ...this.range(op.input) };
      case 'put':
        return this.#put(op.input);
      case 'delete':
        return this.#delete(op.input);
      case 'txn':
        return { op: 'txn', ...this.txn(op.input) };
    }
  }

  #put({ key, value, lease, ignoreValue, ignoreLease }: KvPut): KvAnswer {
    const before = this.#get(key);
    this.changes.set(key, {
      key,
      value: ignoreValue === true ? (before?.value ?? '') : value,
      create: before?.create ?? this.#revision,
      mod: this.#revision,
      version: (before?.version ?? 0n) + 1n,
      lease: ignoreLease === true ? (before?.lease ?? 0n) : (lease ?? 0n),
    });
    return { op: 'put' };
  }

  #delete({ key, rangeEnd }: KvDelete): KvAnswer {
    const gone = this.#select(key, rangeEnd);
    for (const item of gone) this.changes.set(item.key, null);
    return { op: 'delete', deleted: BigInt(gone.length) };
  }

  #get(key: string): KvItem | undefined {
    const changed = this.changes.size === 0 ? undefined : this.changes.get(key);
    return changed === undefined ? this.#items.get(key) : (changed ?? undefined);
  }

  #select(key: string, rangeEnd: string | undefined): KvItem[] {
    if (this.changes.size === 0) return select(this.#items, key, rangeEnd);
    const now = new Map(this.#items);
    for (const [changed, item] of this.changes) {
      if (item === null) now.delete(changed);
      else now.set(changed, item);
    }
    return select(now, key, rangeEnd);
  }

  /** Against the state before the txn, at every level of it. */
  #holds(compare: KvCompare): boolean {
    const items = select(this.#items, compare.key, compare.rangeEnd);
    if (items.length > 0) return items.every((item) => compareItem(compare, item));
    // What is not there compares as zeros, but has no value to compare.
    return compare.target !== 'value' && compareItem(compare, nothing);
  }
}

/** In order of keys. */
function select(items: ReadonlyMap<string, KvItem>, key: string, rangeEnd: string | undefined): KvItem[] {
  if (rangeEnd === undefined || rangeEnd === '') {
    const item = items.get(key);
    return item === undefined ? [] : [item];
  }
  const keys = [...items.keys()].filter((each) => inRange(key, rangeEnd, each));
  return keys.sort().map((each) => items.get(each) as KvItem);
}

const nothing: KvItem = { key: '', value: '', create: 0n, mod: 0n, version: 0n, lease: 0n };

function compareItem({ target, result, operand }: KvCompare, item: KvItem): boolean {
  const order = compareOperands(item[target], operand);
  switch (result) {
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '>':
      return order > 0;
    case '<':
      return order < 0;
  }
}

function compareOperands(a: bigint | string, b: bigint | string): number {
  if (typeof a === 'bigint' && typeof b === 'bigint') return compareBigints(a, b);
  const [left, right] = [String(a), String(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
