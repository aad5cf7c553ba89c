import { type Bytes, compareBytes, latin1 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { SessionContext } from '../lease/session.js';
import { type Selection, selected } from '../store/key-or-prefix.js';
import {
  type Compare,
  CompareResult,
  CompareTarget,
  type KeyValue,
  type RangeRequest,
  type RequestOp,
} from '../store/messages.js';
import { bytesOf, modifiedAt, put, remove, type Text } from '../store/ops.js';
import { untilAnsweredOrAborted } from '../store/repeat.js';

/** What is to be written, and what must still be so. */
export interface Commitment {
  readonly compare: readonly Compare[];
  /** Compares that are not about what was read. */
  readonly guards: readonly Compare[];
  readonly success: readonly RequestOp[];
}

/** A write that waits for the commit; `value` undefined: a delete. */
interface Write {
  readonly key: Bytes;
  readonly value: Bytes | undefined;
  readonly lease: bigint;
}

/**
 * One attempt of a transaction: reads are all of one revision and see its own writes; writes wait for the commit. Good
 * for as long as the function it was given to runs.
 */
export class Tx {
  /** 1, and one more each time that it was run again. */
  readonly attempt: number;
  /** Aborts when the caller has given up: for what the function waits for besides. */
  readonly signal: AbortSignal;
  readonly #context: SessionContext;
  readonly #reads = new Map<string, Promise<KeyValue | null>>();
  readonly #compares = new Map<string, Compare>();
  readonly #guards: Compare[] = [];
  readonly #writes = new Map<string, Write>();
  /** Of all reads; the first one finds it out. */
  #revision: Promise<bigint> | undefined;
  #stale = false;
  #over = false;

  /** @internal */
  constructor(context: SessionContext, attempt: number, signal: AbortSignal) {
    this.#context = context;
    this.attempt = attempt;
    this.signal = signal;
  }

  /**
   * A key, or null. What this transaction has put itself has the revisions 0n.
   * @throws as `Conclave.get`; ConclaveError `CLOSED` after the transaction's function has ended.
   */
  async get(key: Text): Promise<KeyValue | null> {
    this.#assertOpen();
    const bytes = bytesOf(key);
    const name = latin1(bytes);
    const own = this.#writes.get(name);
    if (own !== undefined) return shown(own) ?? null;
    const known = this.#reads.get(name) ?? this.#getOnce(name, bytes);
    this.#reads.set(name, known);
    return known;
  }

  /** All keys from `key` up to `rangeEnd`, or with `prefix`, in order. Throws as `get`. */
  async range(what: Selection): Promise<readonly KeyValue[]> {
    this.#assertOpen();
    const { key, rangeEnd } = selected(what);
    const { kvs, revision } = await this.#read({ key, rangeEnd });
    if (rangeEnd !== undefined) {
      // No key that is newer: nothing was added or changed; and each that was there is: nothing has gone.
      const newer = { target: CompareTarget.mod, result: CompareResult.less, modRevision: revision + 1n } as const;
      this.#compares.set(`${latin1(key)} ${latin1(rangeEnd)}`, { key, rangeEnd, ...newer });
    } else if (kvs.length === 0) this.#saw(latin1(key), key, undefined);
    for (const kv of kvs) this.#saw(latin1(kv.key), kv.key, kv);
    return overlaid(kvs, key, rangeEnd, this.#writes.values());
  }

  /** Writes a key when the transaction commits; `leaseId` hangs it on a lease, which must live then. */
  put(key: Text, value: Text, options: { readonly leaseId?: bigint | undefined } = {}): void {
    this.#assertOpen();
    this.#write({ key: bytesOf(key), value: bytesOf(value), lease: options.leaseId ?? 0n });
  }

  /** Deletes a key when the transaction commits. For a prefix: `range` it, and delete each. */
  delete(key: Text): void {
    this.#assertOpen();
    this.#write({ key: bytesOf(key), value: undefined, lease: 0n });
  }

  /** Commits only if `compares` hold then, as `held.guard()`: else `LOST`. Not judged if nothing is written. */
  guard(...compares: (Compare | readonly Compare[])[]): void {
    this.#assertOpen();
    this.#guards.push(...compares.flat());
  }

  /** @internal Whether a read found its revision compacted: then it can’t go on, and must be run again. */
  get stale(): boolean {
    return this.#stale;
  }

  /** @internal Undefined: nothing is to be written, and what was read was so at one revision. */
  end(): Commitment | undefined {
    this.#over = true;
    if (this.#writes.size === 0) return undefined;
    const success = [...this.#writes.values()].map(({ key, value, lease }) =>
      value === undefined ? remove(key) : put(key, value, { leaseId: lease === 0n ? undefined : lease }),
    );
    return { compare: [...this.#compares.values()], guards: this.#guards, success };
  }

  async #getOnce(name: string, key: Bytes): Promise<KeyValue | null> {
    const { kvs } = await this.#read({ key });
    this.#saw(name, key, kvs[0]);
    return kvs[0] ?? null;
  }

  #saw(name: string, key: Bytes, kv: KeyValue | undefined): void {
    this.#compares.set(name, modifiedAt(key, kv?.modRevision ?? 0n));
  }

  async #read(request: RangeRequest): Promise<{ readonly kvs: readonly KeyValue[]; readonly revision: bigint }> {
    if (this.#revision === undefined) {
      const first = this.#ask(request);
      this.#revision = first.then(({ header }) => header.revision);
      this.#revision.catch(() => {});
      const { kvs, header } = await first;
      return { kvs, revision: header.revision };
    }
    const revision = await this.#revision;
    return { kvs: (await this.#ask({ ...request, revision })).kvs, revision };
  }

  async #ask(request: RangeRequest) {
    const { store, runtime } = this.#context;
    try {
      return await untilAnsweredOrAborted(runtime, this.signal, () => store.range(request));
    } catch (error) {
      this.#stale ||= ConclaveError.is(error, 'COMPACTED');
      throw error;
    }
  }

  #write(write: Write): void {
    this.#writes.set(latin1(write.key), write);
  }

  #assertOpen(): void {
    if (this.#over) throw new ConclaveError('CLOSED', 'this attempt of the transaction is over');
  }
}

function shown({ key, value, lease }: Write): KeyValue | undefined {
  return value === undefined ? undefined : { key, value, lease, createRevision: 0n, modRevision: 0n, version: 0n };
}

/**
 * `kvs` with the writes of the range in them. `rangeEnd` as etcd has it: absent for one key, a zero byte for no end.
 */
function overlaid(
  kvs: readonly KeyValue[],
  key: Bytes,
  rangeEnd: Bytes | undefined,
  writes: Iterable<Write>,
): readonly KeyValue[] {
  const merged = new Map<string, KeyValue | undefined>(kvs.map((kv) => [latin1(kv.key), kv]));
  for (const write of writes) {
    if (isIn(write.key, key, rangeEnd)) merged.set(latin1(write.key), shown(write));
  }
  return [...merged.values()].filter((kv) => kv !== undefined).sort((a, b) => compareBytes(a.key, b.key));
}

function isIn(key: Bytes, from: Bytes, rangeEnd: Bytes | undefined): boolean {
  if (rangeEnd === undefined) return compareBytes(key, from) === 0;
  const open = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return compareBytes(key, from) >= 0 && (open || compareBytes(key, rangeEnd) < 0);
}
