import { withDeadline } from '../../core/abort.js';
import type { Bytes } from '../../core/bytes.js';
import { type Runtime, randomInt63 } from '../../core/runtime.js';
import { BorrowedLease } from '../../lease/borrowed-lease.js';
import { grantLease } from '../../lease/grant.js';
import type { SessionContext } from '../../lease/session.js';
import { exclusive } from '../../line/exclusive.js';
import { removePlace } from '../../line/leave.js';
import { Line, type NamedPlace, type NamedTurn } from '../../line/line.js';
import { plainPlaceKey, plainPrefix } from '../../line/place.js';
import { etcdError } from '../../store/etcd-errors.js';
import type { ResponseHeader } from '../../store/messages.js';
import { untilAnswered } from '../../store/repeat.js';
import type { RpcContext } from '../../wire/rpc-service.js';
import type { CallerStores } from './caller-stores.js';

/** Time to live of the lease that a caller without one gets, as etcd has it. */
const anonymousTtlSeconds = 60n;

/** How long a request that waits for nobody is tried: longer than a cluster takes to find a new leader. */
const answerTimeoutMs = 10_000;

/** A place that a caller wants in the line `name`. */
export interface Wish extends Pick<NamedPlace, 'value'> {
  readonly name: Bytes;
  /** 0: one is granted, which nobody keeps alive. */
  readonly lease: bigint;
  /** Called with the lease and the place if that is there already. */
  onFound?(lease: bigint, ...found: Parameters<NonNullable<NamedPlace['onFound']>>): Promise<void>;
}

/** A wish that came true. */
export interface Granted {
  readonly turn: NamedTurn;
  readonly lease: bigint;
}

/** The lines of etcd's Lock and Election services: etcd's keys, the callers' leases and the callers' rights. */
export class Places {
  readonly #runtime: Runtime;
  readonly #stores: CallerStores;
  /** The highest revision that the store has told of. */
  #seen = 0n;

  constructor(runtime: Runtime, stores: CallerStores) {
    this.#runtime = runtime;
    this.#stores = stores;
  }

  /** Where recipes work on behalf of the caller. */
  contextOf(caller: RpcContext): SessionContext {
    return { store: this.#stores.of(caller), runtime: this.#runtime };
  }

  /** Waits for the place's turn. Whatever fails leaves nothing, except a place that was there before. */
  async take(wish: Wish, caller: RpcContext): Promise<Granted> {
    if (wish.lease !== 0n) return { turn: await this.#take(wish, wish.lease, caller), lease: wish.lease };
    const context = this.contextOf(caller);
    const lease = randomInt63(this.#runtime);
    try {
      await grantLease(context, lease, anonymousTtlSeconds, caller.signal);
      return { turn: await this.#take(wish, lease, caller), lease };
    } catch (error) {
      // Else it stays for its minute; the answer, if any, changes nothing.
      void context.store.leaseRevoke({ id: lease }).catch(() => {});
      throw error;
    }
  }

  /** Deletes whatever stands at `key`; one that was put there after this was asked stays. Resolves with the header. */
  async clear(key: Bytes, caller: RpcContext): Promise<ResponseHeader> {
    if (key.length === 0) throw etcdError('emptyKey');
    const context = this.contextOf(caller);
    return this.answered(caller, async (signal) => {
      const { header, kvs } = await untilAnswered(this.#runtime, signal, () => context.store.range({ key }));
      const [there] = kvs;
      return there === undefined ? header : (await removePlace(context, signal, key, there.createRevision)).header;
    });
  }

  /** Runs `ask`, which is tried again over outages, within the caller's time and our own. */
  answered<T>({ signal }: RpcContext, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline(this.#runtime, 'the store', { signal, timeoutMs: answerTimeoutMs }, ask);
  }

  async #take({ name, value, onFound }: Wish, lease: bigint, caller: RpcContext): Promise<NamedTurn> {
    const context = this.contextOf(caller);
    const prefix = plainPrefix(name);
    const key = plainPlaceKey(prefix, lease);
    const since = await this.#passed(context, key, caller.signal);
    const line = new Line(context, new BorrowedLease(context, lease), exclusive(prefix));
    const place: NamedPlace = { key, value, since, ...(onFound && { onFound: onFound.bind(undefined, lease) }) };
    const turn = await line.joinAs(place, caller.signal);
    this.#note(turn.admitted);
    return turn;
  }

  /** A revision that the store has passed: asked for once, afterwards the highest one in any answer. */
  async #passed({ store, runtime }: SessionContext, key: Bytes, signal: AbortSignal): Promise<bigint> {
    if (this.#seen === 0n) this.#note((await untilAnswered(runtime, signal, () => store.range({ key }))).header);
    return this.#seen;
  }

  #note({ revision }: ResponseHeader): void {
    if (revision > this.#seen) this.#seen = revision;
  }
}
