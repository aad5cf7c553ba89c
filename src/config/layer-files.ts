import type { Files } from '../core/files.js';
import { parsePlain } from '../core/plain.js';
import type { Runtime } from '../core/runtime.js';
import type { Issue } from '../core/standard-schema.js';
import type { LayerName } from './layers.js';

/** How often the files are looked at. */
const lookEveryMs = 5_000;

/** The layers that are files: read at the start, and again and again. */
export class LayerFiles {
  readonly #files: Files;
  readonly #runtime: Runtime;
  readonly #paths: readonly (readonly [LayerName, string])[];
  readonly #texts = new Map<LayerName, string | undefined>();
  readonly #values = new Map<LayerName, unknown>();
  readonly #issues = new Map<LayerName, Issue>();
  #stopTimer: () => void = () => {};
  #stopped = false;

  constructor(files: Files, runtime: Runtime, paths: Partial<Record<LayerName, string | undefined>>) {
    this.#files = files;
    this.#runtime = runtime;
    this.#paths = Object.entries(paths).filter((each): each is [LayerName, string] => each[1] !== undefined);
  }

  get issues(): readonly Issue[] {
    return [...this.#issues.values()];
  }

  /** Undefined: there is no such file, or nothing in it. */
  valueOf(layer: LayerName): unknown {
    return this.#values.get(layer);
  }

  /** Resolves after the first look; `onChange` is told of each later one that brought something else. */
  async start(onChange: () => void): Promise<void> {
    await this.#look();
    if (this.#paths.length > 0) this.#arm(onChange);
  }

  stop(): void {
    this.#stopped = true;
    this.#stopTimer();
  }

  #arm(onChange: () => void): void {
    if (this.#stopped) return;
    this.#stopTimer = this.#runtime.setTimer(lookEveryMs, () => {
      void this.#look().then((changed) => {
        if (changed && !this.#stopped) onChange();
        this.#arm(onChange);
      });
    });
  }

  async #look(): Promise<boolean> {
    const looks = await Promise.all(this.#paths.map(([layer, path]) => this.#read(layer, path)));
    return looks.includes(true);
  }

  /** What cannot be read or is no JSON is an issue, and the layer stays as it was. */
  async #read(layer: LayerName, path: string): Promise<boolean> {
    const before = this.#issues.get(layer)?.message;
    try {
      const text = await this.#files.read(path);
      if (text === this.#texts.get(layer) && before === undefined) return false;
      this.#values.set(layer, text === undefined ? undefined : parsePlain(text));
      this.#texts.set(layer, text);
      this.#issues.delete(layer);
      return true;
    } catch (error) {
      const message = `${path}: ${error instanceof Error ? error.message : error}`;
      this.#issues.set(layer, { path: '', message });
      return message !== before;
    }
  }
}
