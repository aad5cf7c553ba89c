import type * as m from '../store/messages.js';
import type { CallOptions, Store, WatchListener, WatchSpec } from '../store/store.js';
import type { Recorder } from './history.js';
import { plainEvent, plainItem, plainRange, plainTxn, plainTxnResult, plainWatch } from './plain-messages.js';
import type { FactOf } from './vocabulary.js';

/** Writes down every request and every watch as well: for the checkers of KV and watch. */
export class RecordingKvStore implements Store {
  readonly #inner: Store;
  readonly #recorder: Recorder;
  readonly #process: string;
  #watches = 0;

  constructor(inner: Store, recorder: Recorder, process: string) {
    this.#inner = inner;
    this.#recorder = recorder;
    this.#process = process;
  }

  range(request: m.RangeRequest, call?: CallOptions): Promise<m.RangeResponse> {
    const read = () => this.#inner.range(request, call);
    return this.#recorder.run(this.#process, 'kv', 'kv.range', plainRange(request), read, (response) => ({
      revision: response.header.revision,
      kvs: response.kvs.map(plainItem),
      count: response.count,
    }));
  }

  txn(request: m.TxnRequest, call?: CallOptions): Promise<m.TxnResponse> {
    const run = () => this.#inner.txn(request, call);
    return this.#recorder.run(this.#process, 'kv', 'kv.txn', plainTxn(request), run, plainTxnResult);
  }

  watch(request: WatchSpec, listener: WatchListener): () => void {
    this.#watches += 1;
    const watch = `w${this.#watches}`;
    this.#note('watch.start', { watch, ...plainWatch(request) });
    const cancel = this.#inner.watch(request, {
      onCreated: (revision) => {
        this.#note('watch.created', { watch, revision });
        listener.onCreated?.(revision);
      },
      onEvents: (events, revision) => {
        this.#note('watch.events', { watch, revision, events: events.map(plainEvent) });
        listener.onEvents(events, revision);
      },
      onProgress: (revision) => {
        this.#note('watch.progress', { watch, revision });
        listener.onProgress?.(revision);
      },
      onEnd: (error) => {
        this.#note('watch.end', { watch, code: error.code });
        listener.onEnd(error);
      },
    });
    return () => {
      this.#note('watch.end', { watch, code: 'cancelled' });
      cancel();
    };
  }

  compact(request: m.CompactionRequest, call?: CallOptions): Promise<m.CompactionResponse> {
    return this.#inner.compact(request, call);
  }

  leaseGrant(request: m.LeaseGrantRequest, call?: CallOptions): Promise<m.LeaseGrantResponse> {
    return this.#inner.leaseGrant(request, call);
  }

  leaseRevoke(request: m.LeaseRevokeRequest, call?: CallOptions): Promise<m.LeaseRevokeResponse> {
    return this.#inner.leaseRevoke(request, call);
  }

  leaseKeepAlive(request: m.LeaseKeepAliveRequest, call?: CallOptions): Promise<m.LeaseKeepAliveResponse> {
    return this.#inner.leaseKeepAlive(request, call);
  }

  leaseTimeToLive(request: m.LeaseTimeToLiveRequest, call?: CallOptions): Promise<m.LeaseTimeToLiveResponse> {
    return this.#inner.leaseTimeToLive(request, call);
  }

  leaseLeases(call?: CallOptions): Promise<m.LeaseLeasesResponse> {
    return this.#inner.leaseLeases(call);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #note<Fact extends string>(fact: Fact, data: FactOf<Fact>): void {
    this.#recorder.note(this.#process, 'kv', fact, data);
  }
}
