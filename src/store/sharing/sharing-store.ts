import { ConclaveError } from '../../core/errors.js';
import { DelegatingStore } from '../delegating-store.js';
import { rangeId } from '../range-id.js';
import type { WatchListener, WatchSpec } from '../store.js';
import { type Reader, type SourceOwner, WatchSource } from './watch-source.js';

/**
 * Watches that ask for the same become one watch of the store, however many callers there are. Each begins as a watch
 * of its own, so that it hears what follows its own start and nothing of before, and is given up as soon as the common
 * one can go on from there. See README.md.
 */
export class SharingStore extends DelegatingStore {
  /** By what they ask for. */
  readonly #common = new Map<string, WatchSource>();
  readonly #owner: SourceOwner = {
    onTold: (source) => this.#share(source),
    onEnd: (source, error) => this.#end(source, error),
  };

  override watch(spec: WatchSpec, listener: WatchListener): () => void {
    const told = spec.startRevision ? spec.startRevision - 1n : 0n;
    const reader: Reader = { listener, told, created: false, source: undefined };
    this.#open(idOf(spec), spec, reader);
    return () => this.#leave(reader);
  }

  #open(id: string, spec: WatchSpec, reader: Reader): void {
    new WatchSource(this.inner, id, spec, reader, this.#owner);
  }

  #leave(reader: Reader): void {
    const { source } = reader;
    if (!source?.readers.delete(reader) || source.readers.size > 0) return;
    this.#forget(source);
    source.cancel();
  }

  /** A common watch that is behind will yet bring what its new reader misses; one that is ahead never would. */
  #share(source: WatchSource): void {
    const common = this.#common.get(source.id);
    if (common === source || source.readers.size === 0) return;
    if (common === undefined) {
      if (source.isPresent) this.#common.set(source.id, source);
    } else if (common.told <= source.told) {
      for (const reader of source.readers) common.take(reader);
      source.cancel();
    }
  }

  #end(source: WatchSource, error: ConclaveError): void {
    this.#forget(source);
    for (const reader of source.readers) {
      // What the watch was to go on from is gone; what this reader is to go on from may be there.
      const isAhead = ConclaveError.is(error, 'COMPACTED') && reader.told > source.told;
      if (isAhead) this.#open(source.id, goingOnFrom(source.spec, reader.told), reader);
      else reader.listener.onEnd(error);
    }
  }

  #forget(source: WatchSource): void {
    if (this.#common.get(source.id) === source) this.#common.delete(source.id);
  }
}

function goingOnFrom(spec: WatchSpec, told: bigint): WatchSpec {
  return { ...spec, startRevision: told + 1n, seenRevision: told };
}

function idOf(spec: WatchSpec): string {
  const { lane = 'bulk', prevKv = false, progressNotify = false, filters = [] } = spec;
  // Joined it is one text; a template is a tree of its parts, kept for as long as the watch.
  return [lane, prevKv, progressNotify, [...filters].sort(), rangeId(spec)].join(' ');
}
