import { DelegatingStore } from '../store/delegating-store.js';
import type * as m from '../store/messages.js';
import type { CallOptions, Store, WatchListener, WatchSpec } from '../store/store.js';
import type { Recorder } from './history.js';
import { plainEvent, plainItem, plainRange, plainTxn, plainTxnResult, plainWatch } from './plain-messages.js';
import type { FactOf } from './vocabulary.js';

/** Writes down every request and every watch as well: for the checkers of KV and watch. */
export class RecordingKvStore extends DelegatingStore {
  readonly #recorder: Recorder;
  readonly #process: string;
  #watches = 0;

  constructor(inner: Store, recorder: Recorder, process: string) {
    super(inner);
    this.#recorder = recorder;
    this.#process = process;
  }

  override range(request: m.RangeRequest, call?: CallOptions): Promise<m.RangeResponse> {
    const read = () => this.inner.range(request, call);
    return this.#recorder.run(this.#process, 'kv', 'kv.range', plainRange(request), read, (response) => ({
      revision: response.header.revision,
      kvs: response.kvs.map(plainItem),
      count: response.count,
    }));
  }

  override txn(request: m.TxnRequest, call?: CallOptions): Promise<m.TxnResponse> {
    const run = () => this.inner.txn(request, call);
    return this.#recorder.run(this.#process, 'kv', 'kv.txn', plainTxn(request), run, plainTxnResult);
  }

  override watch(request: WatchSpec, listener: WatchListener): () => void {
    this.#watches += 1;
    const watch = `w${this.#watches}`;
    this.#note('watch.start', { watch, ...plainWatch(request) });
    const cancel = this.inner.watch(request, {
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

  #note<Fact extends string>(fact: Fact, data: FactOf<Fact>): void {
    this.#recorder.note(this.#process, 'kv', fact, data);
  }
}
