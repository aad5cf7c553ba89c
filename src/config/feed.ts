import { onAbort } from '../core/abort.js';
import type { ConclaveError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import { deepCopy, deepFreeze, samePlain } from '../core/plain.js';
import type { Runtime } from '../core/runtime.js';
import type { Share } from '../core/shared.js';
import { defaultStaleAfterMs, Freshness } from '../store/freshness.js';
import type { Mirror, MirrorChange } from '../store/mirror.js';
import type { SharedMirrors } from '../store/shared-mirrors.js';
import { Snapshot } from '../store/snapshot.js';
import type { KeyDiff } from '../versions/key-diff.js';
import type { Place } from '../versions/place.js';
import type { ChangeCause, ConfigProblem } from './change.js';
import { type Judged, JudgedLayers, type Valid } from './judged-layers.js';
import { LayerFiles } from './layer-files.js';
import type { WatchConfigOptions } from './options.js';
import { type Seeing, StoreLayer } from './store-layer.js';
import type { ConfigStatus, FeedView, Shown, WatchedConfig } from './watched-config.js';

/** What feeds are made with. */
export interface FeedSite {
  readonly runtime: Runtime;
  readonly files: Files;
  readonly mirrors: SharedMirrors;
}

/** A state of the store on its way to be shown. */
interface Turn {
  readonly revision: bigint;
  readonly cause: ChangeCause;
  /** What the keys say that are not shown as they are, by key of the store. */
  readonly values: ReadonlyMap<string, unknown>;
}

/**
 * From the store to what is shown: decodes what has changed, puts it together with the other layers, asks the schema,
 * and shows what is valid. One state at a time; those that come while the schema thinks are judged as one.
 */
export class ConfigFeed<T> implements FeedView {
  readonly #site: FeedSite;
  readonly #place: Place;
  readonly #options: WatchConfigOptions<T>;
  readonly #handle: WatchedConfig<T>;
  readonly #newLayer: () => StoreLayer;
  readonly #layer: StoreLayer;
  readonly #files: LayerFiles;
  readonly #layers: JudgedLayers;
  readonly #snapshot: Snapshot | undefined;
  readonly #share: Share<Mirror>;
  readonly #freshness: Freshness;
  /** What each key said in what is shown. */
  readonly #shownValues = new Map<string, unknown>();
  /** Keys that have changed since. */
  readonly #changed = new Set<string>();
  readonly #releases: (() => void)[] = [];
  #shown: Shown | undefined;
  #problem: ConfigProblem | undefined;
  /** Whether what is shown is the store's own word. */
  #own = false;
  #wanted: ChangeCause | undefined;
  #started = false;
  #judging = false;
  #closed = false;

  constructor(site: FeedSite, place: Place, options: WatchConfigOptions<T>, seeing: Seeing, handle: WatchedConfig<T>) {
    const { file, overrideFile: override, snapshotFile, staleAfterMs = defaultStaleAfterMs } = options;
    this.#site = site;
    this.#place = place;
    this.#options = options;
    this.#handle = handle;
    this.#newLayer = () => new StoreLayer(place, options.decode, seeing);
    this.#layer = this.#newLayer();
    this.#files = new LayerFiles(site.files, site.runtime, { file, override });
    this.#layers = new JudgedLayers(options, this.#files, options.schema);
    this.#snapshot =
      snapshotFile === undefined
        ? undefined
        : new Snapshot(site.files, snapshotFile, place.key, (error) => handle.snapshotFailed(error));
    this.#share = site.mirrors.subscribe(
      { key: place.key, rangeEnd: place.rangeEnd },
      {
        onChange: (change) => this.#told(change),
        onEnd: (error) => this.#ended(error),
      },
    );
    this.#freshness = new Freshness(site.runtime, staleAfterMs, this.#share.shared, () => handle.turned());
    this.#releases.push(
      this.#freshness.start(),
      () => this.#share.unsubscribe(),
      () => this.#files.stop(),
    );
    this.#releases.push(onAbort(options.signal, (reason) => this.#ended(reason)));
    const { revision, items } = this.#share.shared;
    if (revision !== 0n) for (const [key, kv] of items) this.#take(key, kv);
    if (revision !== 0n) this.#wanted = 'watch';
    void this.#start();
  }

  get shown(): Shown | undefined {
    return this.#shown;
  }

  get problem(): ConfigProblem | undefined {
    return this.#problem;
  }

  get status(): ConfigStatus {
    if (this.#problem !== undefined) return 'invalid';
    return this.#own && !this.#freshness.stale ? 'live' : 'stale';
  }

  get staleMs(): number {
    return this.#share.shared.silentMs;
  }

  async close(): Promise<void> {
    this.#release();
    await this.#snapshot?.written();
  }

  /** Nothing is judged before the files are read: a first value without them would be none. */
  async #start(): Promise<void> {
    await this.#files.start(() => this.#refresh('file'));
    if (this.#closed) return;
    this.#started = true;
    if (this.#wanted !== undefined) return this.#judgeNext();
    const { startWaitMs = 2_000 } = this.#options;
    this.#releases.push(this.#site.runtime.setTimer(startWaitMs, () => void this.#goWithout(undefined)));
  }

  #told({ keys, resync }: MirrorChange): void {
    for (const { key, after } of keys) this.#take(key, after);
    this.#refresh(resync || (this.#shown !== undefined && !this.#own) ? 'resync' : 'watch');
  }

  #take(key: string, kv: Parameters<StoreLayer['set']>[1]): void {
    this.#layer.set(key, kv);
    this.#changed.add(key);
  }

  #refresh(cause: ChangeCause): void {
    // Of several that are shown as one the gravest counts.
    this.#wanted = this.#wanted === 'resync' ? 'resync' : cause;
    if (this.#started && !this.#judging) this.#judgeNext();
  }

  #judgeNext(): void {
    // Bounded: a turn begins with what came meanwhile, and nothing comes within one.
    while (this.#wanted !== undefined && !this.#closed) {
      const cause = this.#wanted;
      this.#wanted = undefined;
      if (this.#share.shared.revision === 0n) return;
      const turn = this.#turn(this.#share.shared.revision, cause);
      const judged = this.#layers.judge(this.#layer.assembled());
      if (judged instanceof Promise) {
        this.#judging = true;
        void judged.then((said) => {
          this.#judging = false;
          this.#settle(turn, said);
          this.#judgeNext();
        });
        return;
      }
      this.#settle(turn, judged);
    }
  }

  #turn(revision: bigint, cause: ChangeCause): Turn {
    return { revision, cause, values: new Map([...this.#changed].map((key) => [key, this.#layer.valueOf(key)])) };
  }

  #settle(turn: Turn, judged: Judged): void {
    if (this.#closed) return;
    if ('issues' in judged) {
      this.#refuse({ revision: turn.revision, issues: judged.issues });
      return;
    }
    this.#problem = undefined;
    this.#own = true;
    this.#show(turn, judged);
    // While the schema thought the store may have gone on: then the next turn saves.
    const { revision, items } = this.#share.shared;
    if (revision === turn.revision) this.#snapshot?.save({ revision, items });
  }

  #refuse(problem: ConfigProblem): void {
    this.#problem = problem;
    if (this.#shown === undefined) void this.#goWithout(problem);
    else this.#handle.refused(problem);
  }

  #show({ revision, cause, values }: Turn, { value, sources }: Valid): void {
    const previous = this.#shown?.value;
    this.#shown = Object.freeze({ value, revision, sources });
    const changes: KeyDiff[] = [];
    for (const [key, newValue] of values) {
      const diff = this.#diff(key, newValue);
      if (diff !== undefined) changes.push(diff);
      if (this.#layer.valueOf(key) === newValue) this.#changed.delete(key);
      // What a snapshot has and the store has no more must be told to be gone.
      else this.#changed.add(key);
    }
    const change = { revision, previous, current: value, changes, cause, resync: cause === 'resync' };
    this.#handle.changed(Object.freeze(change) as Parameters<WatchedConfig<T>['changed']>[0]);
  }

  #diff(key: string, newValue: unknown): KeyDiff | undefined {
    const oldValue = this.#shownValues.get(key);
    if (newValue === undefined) this.#shownValues.delete(key);
    else this.#shownValues.set(key, newValue);
    if (samePlain(oldValue, newValue)) return undefined;
    const type = oldValue === undefined ? 'added' : newValue === undefined ? 'deleted' : 'modified';
    return { key: this.#place.pathOf(key) || this.#place.name, type, oldValue, newValue };
  }

  /** The start without the store's word, or with one that is refused: the snapshot, else the fallback, else nothing. */
  async #goWithout(problem: ConfigProblem | undefined): Promise<void> {
    const fromSnapshot = this.#shown === undefined ? await this.#fromSnapshot() : undefined;
    if (this.#closed) return;
    if (this.#shown === undefined) this.#showWithout(fromSnapshot);
    if (problem !== undefined && this.#problem === problem) this.#handle.refused(problem);
  }

  #showWithout(snapshot: [Turn, Valid] | undefined): void {
    const { fallback } = this.#options;
    if (snapshot !== undefined) {
      this.#show(...snapshot);
    } else if (fallback !== undefined) {
      const value = deepFreeze(deepCopy(fallback));
      this.#show({ revision: 0n, cause: 'fallback', values: new Map() }, { value, sources: () => new Map() });
    }
  }

  async #fromSnapshot(): Promise<[Turn, Valid] | undefined> {
    const state = await this.#snapshot?.load();
    if (state === undefined) return undefined;
    const layer = this.#newLayer();
    for (const [key, kv] of state.items) layer.set(key, kv);
    const judged = await this.#layers.judge(layer.assembled());
    if ('issues' in judged) return undefined;
    const values = new Map([...state.items.keys()].map((key) => [key, layer.valueOf(key)]));
    return [{ revision: state.revision, cause: 'snapshot', values }, judged];
  }

  #ended(reason: unknown): void {
    this.#handle.ended(reason as ConclaveError);
    this.#release();
  }

  #release(): void {
    this.#closed = true;
    for (const release of this.#releases.splice(0)) release();
  }
}
