import type { ConclaveError } from '../../core/errors.js';
import { Few } from '../../core/few.js';
import { eventsAfter } from '../events-after.js';
import type { Event } from '../messages.js';
import type { Store, WatchListener, WatchSpec } from '../store.js';

/** Whoever called `watch`, and how far it has been told. */
export interface Reader {
  readonly listener: WatchListener;
  /** Up to this revision it has been told everything, or did not ask for it. */
  told: bigint;
  created: boolean;
  /** What tells it. */
  source: WatchSource | undefined;
}

export interface SourceOwner {
  /** After the readers were told something. */
  onTold(source: WatchSource): void;
  /** The readers are not told of it. */
  onEnd(source: WatchSource, error: ConclaveError): void;
}

/** One watch of the store, and all who are told by it. */
export class WatchSource implements WatchListener {
  /** What it asks for but where it begins. */
  readonly id: string;
  readonly spec: WatchSpec;
  readonly readers = new Few<Reader>();
  readonly #owner: SourceOwner;
  #told: bigint;
  #isPresent = false;
  readonly #cancel: () => void;

  constructor(store: Store, id: string, spec: WatchSpec, first: Reader, owner: SourceOwner) {
    this.id = id;
    this.spec = spec;
    this.#owner = owner;
    this.#told = first.told;
    this.take(first);
    this.#cancel = store.watch(spec, this);
  }

  /** Everything up to this revision has come. */
  get told(): bigint {
    return this.#told;
  }

  /** It has told of the present: what comes from it is not late. */
  get isPresent(): boolean {
    return this.#isPresent;
  }

  take(reader: Reader): void {
    this.readers.add(reader);
    reader.source = this;
  }

  cancel(): void {
    this.readers.clear();
    this.#cancel();
  }

  onCreated(revision: bigint): void {
    const isFromNow = !this.spec.startRevision;
    if (isFromNow) {
      this.#told = revision;
      this.#isPresent = true;
    }
    for (const reader of this.readers) {
      if (isFromNow) reader.told = revision;
      if (reader.created) continue;
      reader.created = true;
      reader.listener.onCreated?.(revision);
    }
    this.#owner.onTold(this);
  }

  onEvents(events: readonly Event[], revision: bigint): void {
    const last = events.at(-1)?.kv.modRevision ?? this.#told;
    this.#told = last;
    if (last >= revision) this.#isPresent = true;
    for (const reader of this.readers) tellEvents(reader, events, last, revision);
    this.#owner.onTold(this);
  }

  /** Who is caught up is told of progress, nobody else; of a start that is yet to come it says nothing. */
  onProgress(revision: bigint): void {
    if (revision < this.#told) return;
    this.#told = revision;
    this.#isPresent = true;
    for (const reader of this.readers) {
      if (revision < reader.told) continue;
      reader.told = revision;
      reader.listener.onProgress?.(revision);
    }
    this.#owner.onTold(this);
  }

  onEnd(error: ConclaveError): void {
    this.#owner.onEnd(this, error);
  }
}

/** Only what is new to it: it may have begun later than the others, or have been told by a watch of its own before. */
function tellEvents(reader: Reader, events: readonly Event[], last: bigint, revision: bigint): void {
  const { told, listener } = reader;
  if (last <= told) return;
  reader.told = last;
  listener.onEvents(eventsAfter(events, told), revision);
}
