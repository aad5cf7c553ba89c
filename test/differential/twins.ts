import { expect } from 'vitest';
import { ConclaveError } from '../../src/core/errors.js';
import { WatchFilter } from '../../src/store/messages.js';
import type { Store, WatchSpec } from '../../src/store/store.js';
import type { CallName, Operation } from '../engine/operations.js';
import { debase, type Place, rebase } from '../engine/rebase.js';
import { knownDifferences } from './known-differences.js';
import { TwinWatch } from './twin-watch.js';

export interface TwinsOptions {
  /** The store that is right. */
  readonly oracle: Store;
  readonly subject: Store;
  /** Of the oracle. */
  readonly version: string;
  /** Nth sequence on this oracle: gives it keys above all earlier ones, and leases of its own. */
  readonly number: number;
  /** Whether to start watches in the past: those cost a wait for etcd's sync tick. */
  readonly past: boolean;
}

interface Side {
  readonly store: Store;
  readonly place: Place;
}

interface WatchPair {
  readonly request: WatchSpec;
  readonly oracle: TwinWatch;
  readonly subject: TwinWatch;
}

/** Runs one sequence of operations on two stores and holds every answer of one against that of the other. */
export class Twins {
  readonly #oracle: Side;
  readonly #subject: Side;
  readonly #options: TwinsOptions;
  readonly #watches: WatchPair[] = [];
  /** Relative. */
  #compactRevision = 0n;
  #revision = 0n;

  private constructor(options: TwinsOptions, oracle: Side, subject: Side) {
    this.#options = options;
    this.#oracle = oracle;
    this.#subject = subject;
  }

  static async run(options: TwinsOptions, operations: readonly Operation[]): Promise<void> {
    const prefix = `d/${String(options.number).padStart(8, '0')}/`;
    const leaseBase = BigInt(options.number) * 1_000n;
    const [oracle, subject] = await Promise.all(
      [options.oracle, options.subject].map(async (store): Promise<Side> => {
        const mark = { type: 'put', request: { key: Buffer.from(`${prefix}!`) } } as const;
        const { header } = await store.txn({ success: [mark] });
        // What was there before is compacted for both, not only for the oracle, which had sequences before.
        await store.compact({ revision: header.revision });
        return { store, place: { prefix, baseRevision: header.revision, leaseBase } };
      }),
    );
    const twins = new Twins(options, oracle as Side, subject as Side);
    try {
      await twins.#run(operations);
    } finally {
      await twins.#clean();
    }
  }

  async #run(operations: readonly Operation[]): Promise<void> {
    const past: WatchSpec[] = [];
    for (const each of operations) {
      if (each.type === 'call') {
        await this.#call(each.name, each.request);
      } else {
        const request = each.request as WatchSpec;
        const start = request.startRevision ?? 0n;
        if (start === 0n || start > this.#revision) await this.#watch(request);
        else past.push(request);
      }
    }
    // At the end, since etcd starts them only with its next tick, and a compaction before that would decide.
    if (this.#options.past) await Promise.all(past.map((request) => this.#watchPast(request)));
    await this.#compareWatches();
  }

  async #call(name: CallName, request: object): Promise<void> {
    // What was there before an event is read when it is told; compaction must not come between.
    if (name === 'compact') await this.#settle();
    const [expected, got] = await Promise.all([
      answerOf(this.#oracle, name, request),
      answerOf(this.#subject, name, request),
    ]);
    expect({ name, request, answer: got }).toEqual({ name, request, answer: expected });
    if (typeof expected === 'object') {
      this.#revision = (expected as { header: bigint }).header;
      if (name === 'compact') this.#compactRevision = (request as { revision: bigint }).revision;
    }
  }

  #watchPast(request: WatchSpec): Promise<void> {
    const atCompaction = request.startRevision === this.#compactRevision;
    if (atCompaction && knownDifferences.tombstoneAtCompaction.in(this.#options.version)) return Promise.resolve();
    return this.#watch(request);
  }

  async #watch(request: WatchSpec): Promise<void> {
    const [oracle, subject] = [this.#oracle, this.#subject].map(
      ({ store, place }) => new TwinWatch(store, rebase(request, place), place),
    ) as [TwinWatch, TwinWatch];
    this.#watches.push({ request, oracle, subject });
    await Promise.all([oracle.answered(), subject.answered()]);
  }

  async #settle(): Promise<void> {
    for (const { oracle, subject } of this.#watches) await oracle.hasTold(subject.told.length);
  }

  /** Changes the first key of each watch, all in one revision, so that there is a last event to wait for. */
  async #compareWatches(): Promise<void> {
    const keys = new Map(
      this.#watches.map(({ request }) => [Buffer.from(request.key).toString('latin1'), request.key]),
    );
    for (const type of ['put', 'deleteRange']) {
      await this.#call('txn', { success: [...keys.values()].map((key) => ({ type, request: { key } })) });
    }
    for (const { request, oracle, subject } of this.#watches) {
      // The last thing a watch without deletions sees is the put before them.
      const last = request.filters?.includes(WatchFilter.noDelete) ? this.#revision - 1n : this.#revision;
      if ((request.startRevision ?? 0n) <= last) await Promise.all([oracle.hasReached(last), subject.hasReached(last)]);
      expect({ request, watch: subject.summary }).toEqual({ request, watch: oracle.summary });
    }
  }

  async #clean(): Promise<void> {
    for (const { oracle, subject } of this.#watches) {
      oracle.stop();
      subject.stop();
    }
    const { store, place } = this.#oracle;
    for (const n of [1n, 2n, 3n]) await store.leaseRevoke({ id: place.leaseBase + n }).catch(ignoreMissing);
  }
}

/** The answer as both stores should give it, or the text of the error. */
async function answerOf({ store, place }: Side, name: CallName, request: object): Promise<unknown> {
  const calls = store as unknown as Record<CallName, (request: object) => Promise<object>>;
  try {
    const answer = (await calls[name](rebase(request, place))) as Record<string, unknown>;
    if (name !== 'leaseTimeToLive') return debase(answer, place);
    // Time goes on differently, and the order of keys is nobody's promise.
    const keys = (debase(answer.keys, place) as unknown[]).map(String).sort();
    return { ...(debase(answer, place) as object), keys, ttl: (answer.ttl as bigint) > 0n };
  } catch (error) {
    if (!ConclaveError.is(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

function ignoreMissing(error: unknown): void {
  if (!ConclaveError.is(error, 'LEASE_NOT_FOUND')) throw error;
}
