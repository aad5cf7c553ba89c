import type { Files } from '../core/files.js';
import type { Runtime } from '../core/runtime.js';
import { Snapshot } from '../store/snapshot.js';
import type { Instance } from './instance.js';
import { instanceOf, type ServiceView, type ViewSpec } from './service-view.js';

/** Where a list is kept on disk, and how long the store is waited for before that counts. */
export interface SavedOptions {
  readonly path: string;
  /** Default: 2,000. */
  readonly startWaitMs?: number | undefined;
  /** It could not be read or written: that endangers nothing but the next start without the store. */
  onFailure(error: unknown): void;
}

/** A list of instances as it was once, on disk. */
export interface SavedList {
  readonly revision: bigint;
  readonly instances: readonly Instance[];
}

/** A list of thousands is not written at each of its changes. */
const saveEveryMs = 1_000;

const defaultStartWaitMs = 2_000;

/** The last list on disk, for a start while the store cannot be reached. */
export class SavedInstances {
  readonly #runtime: Runtime;
  readonly #spec: ViewSpec;
  readonly #options: SavedOptions;
  readonly #snapshot: Snapshot;
  #stopWait: () => void = () => {};
  /** Saves at once what is to be saved, and stops the timer that would. */
  #saveNow: (() => void) | undefined;

  constructor(runtime: Runtime, files: Files, spec: ViewSpec, options: SavedOptions) {
    this.#runtime = runtime;
    this.#spec = spec;
    this.#options = options;
    this.#snapshot = new Snapshot(files, options.path, spec.key, options.onFailure);
  }

  /** Tells the list unless `close()` or `changed()` comes first. */
  start(onList: (list: SavedList) => void): void {
    const { startWaitMs = defaultStartWaitMs } = this.#options;
    let over = false;
    const stopTimer = this.#runtime.setTimer(startWaitMs, () => {
      void this.#load().then((list) => {
        if (list !== undefined && !over) onList(list);
      });
    });
    this.#stopWait = () => {
      over = true;
      stopTimer();
    };
  }

  /** The store has told what `view` shows: that is on disk soon. */
  changed(view: ServiceView): void {
    this.#stopWait();
    if (this.#saveNow !== undefined) return;
    const save = () => {
      this.#saveNow = undefined;
      stopTimer();
      this.#snapshot.save({ revision: view.revision, items: view.items });
    };
    const stopTimer = this.#runtime.setTimer(saveEveryMs, save);
    this.#saveNow = save;
  }

  /** Resolves when everything is on disk. */
  close(): Promise<void> {
    this.#stopWait();
    this.#saveNow?.();
    return this.#snapshot.written();
  }

  async #load(): Promise<SavedList | undefined> {
    const state = await this.#snapshot.load();
    if (state === undefined) return undefined;
    const instances: Instance[] = [];
    for (const kv of state.items.values()) {
      try {
        const instance = instanceOf(this.#spec, kv);
        if (instance !== undefined) instances.push(instance);
      } catch (error) {
        this.#options.onFailure(error);
      }
    }
    return { revision: state.revision, instances };
  }
}
