import { type Bytes, fromLatin1, latin1, utf8Text } from '../core/bytes.js';
import type { Files } from '../core/files.js';
import { isPlainObject, parsePlain } from '../core/plain.js';

/** What the store held at one revision, as it stood there. */
export interface SnapshotState {
  readonly revision: bigint;
  /** By key of the store, one char per byte. */
  readonly values: ReadonlyMap<string, { readonly value: Bytes }>;
}

/** The last valid state, on disk for a start without the store. */
export class Snapshot {
  readonly #files: Files;
  readonly #path: string;
  /** Of what it is: a snapshot of something else is none. */
  readonly #place: string;
  readonly #onFailure: (error: unknown) => void;
  #next: string | undefined;
  #writing: Promise<void> | undefined;

  constructor(files: Files, path: string, place: Bytes, onFailure: (error: unknown) => void) {
    this.#files = files;
    this.#path = path;
    this.#place = utf8Text(place);
    this.#onFailure = onFailure;
  }

  /** Undefined: there is none, or none that can be used. */
  async load(): Promise<SnapshotState | undefined> {
    try {
      const text = await this.#files.read(this.#path);
      return text === undefined ? undefined : this.#decode(text);
    } catch (error) {
      this.#onFailure(error);
      return undefined;
    }
  }

  /** Writes soon; of those that come while it writes only the last. */
  save({ revision, values }: SnapshotState): void {
    // One char per byte: bytes that are no text survive, too.
    const keys = [...values].map(([key, { value }]) => [key, latin1(value)]);
    this.#next = JSON.stringify({ format: 1, place: this.#place, revision: revision.toString(), keys });
    this.#writing ??= this.#write();
  }

  /** Resolves when what was saved is on disk. */
  async written(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    // Bounded by what is saved.
    for (let text = this.#next; text !== undefined; text = this.#next) {
      this.#next = undefined;
      await this.#files.replace(this.#path, text).catch(this.#onFailure);
    }
    this.#writing = undefined;
  }

  #decode(text: string): SnapshotState {
    const read = parsePlain(text);
    const { format, place, revision, keys } = isPlainObject(read) ? read : {};
    if (format !== 1 || typeof revision !== 'string' || !/^\d+$/.test(revision) || !Array.isArray(keys)) {
      throw new SyntaxError(`${this.#path}: no snapshot`);
    }
    if (place !== this.#place) throw new SyntaxError(`${this.#path}: a snapshot of ${place}, not of ${this.#place}`);
    const values = (keys as string[][]).map(([key = '', value = '']) => [key, { value: fromLatin1(value) }] as const);
    return { revision: BigInt(revision), values: new Map(values) };
  }
}
