import { type Bytes, fromLatin1, latin1, utf8Text } from '../core/bytes.js';
import type { Files } from '../core/files.js';
import { isPlainObject, parsePlain } from '../core/plain.js';
import type { KeyValue } from './messages.js';

/** What a range of the store held at one revision, as it stood there. */
export interface SnapshotState {
  readonly revision: bigint;
  /** By key, one char per byte: as in a `Mirror`. */
  readonly items: ReadonlyMap<string, KeyValue>;
}

/** A range of the store on disk, for a start without the store. */
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
  save({ revision, items }: SnapshotState): void {
    const keys = [...items.values()].map(rowOf);
    this.#next = JSON.stringify({ format, place: this.#place, revision: revision.toString(), keys });
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
    const { format: found, place, revision, keys } = isPlainObject(read) ? read : {};
    if (found !== format || typeof revision !== 'string' || !/^\d+$/.test(revision) || !Array.isArray(keys)) {
      throw new SyntaxError(`${this.#path}: no snapshot`);
    }
    if (place !== this.#place) throw new SyntaxError(`${this.#path}: a snapshot of ${place}, not of ${this.#place}`);
    const items = (keys as string[][]).map((row) => [row[0] ?? '', itemOf(row)] as const);
    return { revision: BigInt(revision), items: new Map(items) };
  }
}

const format = 2;

/** One char per byte: keys and values that are no text survive, too. */
function rowOf({ key, value, createRevision, modRevision, version, lease }: KeyValue): string[] {
  return [latin1(key), latin1(value), ...[createRevision, modRevision, version, lease].map(String)];
}

function itemOf([key = '', value = '', ...numbers]: string[]): KeyValue {
  const [createRevision = 0n, modRevision = 0n, version = 0n, lease = 0n] = numbers.map(BigInt);
  return { key: fromLatin1(key), value: fromLatin1(value), createRevision, modRevision, version, lease };
}
