import { noBytes } from '../../core/bytes.js';
import { type Deferred, deferred } from '../../core/deferred.js';
import { ConclaveError } from '../../core/errors.js';
import { Observers } from '../../election/leader-watch.js';
import { observePlace } from '../../election/observe.js';
import { plainPrefix } from '../../line/place.js';
import { untilAnswered } from '../../store/repeat.js';
import type { LeaderRequest, LeaderResponse } from '../../wire/codec/election.js';
import { electionMethods } from '../../wire/concurrency-methods.js';
import type { DuplexCall, DuplexHandler, DuplexReply, RpcContext } from '../../wire/rpc-service.js';
import { clientError, texts } from '../concurrency/client-error.js';
import type { Places } from '../concurrency/places.js';

/** `v3electionpb.Election/Observe`: who leads, at once and after each change; nothing while nobody does. */
export function observeHandler(places: Places): DuplexHandler<LeaderRequest, LeaderResponse> {
  return {
    method: electionMethods.observe,
    open: (reply, caller) => new ObserveCall(places, reply, caller),
  };
}

class ObserveCall implements DuplexCall<LeaderRequest> {
  readonly #places: Places;
  readonly #reply: DuplexReply<LeaderResponse>;
  readonly #caller: RpcContext;
  readonly #ended = new AbortController();
  #hasBegun = false;
  /** While the caller does not read. */
  #full: Deferred<void> | undefined;

  constructor(places: Places, reply: DuplexReply<LeaderResponse>, caller: RpcContext) {
    this.#places = places;
    this.#reply = reply;
    this.#caller = caller;
  }

  onMessage(request: LeaderRequest): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    void this.#observe(request);
  }

  onHalfClose(): void {
    if (!this.#hasBegun) this.#reply.end(new ConclaveError('INTERNAL', 'grpc: the call ended without a message'));
  }

  onBackpressure(isFull: boolean): void {
    if (isFull) {
      this.#full ??= deferred();
    } else {
      this.#full?.resolve();
      this.#full = undefined;
    }
  }

  onCancel(): void {
    this.#ended.abort(new ConclaveError('CANCELLED', 'context canceled'));
    this.onBackpressure(false);
  }

  /** Ends with an error only: a stream that ended in order would look like an election that is over. */
  async #observe({ name = noBytes }: LeaderRequest): Promise<void> {
    const { signal } = this.#ended;
    try {
      const context = this.#places.contextOf(this.#caller);
      const prefix = plainPrefix(name);
      // Who answers; and whether the caller may look at all.
      const asked = await untilAnswered(context.runtime, signal, () =>
        context.store.range({ key: prefix }, { signal }),
      );
      for await (const { place, revision } of observePlace(new Observers(context), prefix, signal)) {
        await this.#full?.promise;
        if (signal.aborted) return;
        if (place !== null) this.#reply.send({ header: { ...asked.header, revision }, kv: place });
      }
    } catch (error) {
      if (!signal.aborted) this.#reply.end(ConclaveError.from(clientError(error, texts.noLeader)));
    }
  }
}
