import type { ConclaveError } from '../../src/core/errors.js';
import type { Event } from '../../src/store/messages.js';
import type { Store, WatchListener, WatchSpec } from '../../src/store/store.js';

export interface WatchFaults {
  /** Whether nothing gets through now; it is kept until `flush`. */
  silent(): boolean;
  drops(event: Event): boolean;
  over(): void;
  /** Calls `fn` after what events need on their way. */
  lag(fn: () => void): void;
}

/** One watch of a `FaultyStore`. */
export class FaultyWatch {
  readonly #listener: WatchListener;
  readonly #faults: WatchFaults;
  #kept: ((listener: WatchListener) => void)[] = [];
  #cancelInner: () => void = () => {};
  #over = false;

  constructor(listener: WatchListener, faults: WatchFaults) {
    this.#listener = listener;
    this.#faults = faults;
  }

  start(inner: Store, spec: WatchSpec): void {
    this.#cancelInner = inner.watch(spec, {
      onCreated: (revision) => this.#tell((listener) => listener.onCreated?.(revision)),
      onEvents: (events, revision) => {
        const left = events.filter((event) => !this.#faults.drops(event));
        if (left.length > 0) this.#faults.lag(() => this.#tell((listener) => listener.onEvents(left, revision)));
      },
      onProgress: (revision) => this.#faults.lag(() => this.#tell((listener) => listener.onProgress?.(revision))),
      onEnd: (error) => this.#tell((listener) => this.#end(() => listener.onEnd(error))),
    });
  }

  cancel(): void {
    this.#end(() => {});
  }

  /** The server ends it. */
  fail(error: ConclaveError): void {
    const listener = this.#listener;
    this.#end(() => queueMicrotask(() => listener.onEnd(error)));
  }

  flush(): void {
    for (const each of this.#kept.splice(0)) if (!this.#over) each(this.#listener);
  }

  #tell(fn: (listener: WatchListener) => void): void {
    if (this.#over) return;
    if (this.#faults.silent()) this.#kept.push(fn);
    else fn(this.#listener);
  }

  #end(last: () => void): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelInner();
    this.#faults.over();
    last();
  }
}
