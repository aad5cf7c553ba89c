import { type Bytes, utf8Text } from '../core/bytes.js';
import { deepFreeze, parsePlain } from '../core/plain.js';
import type { Issue } from '../core/standard-schema.js';
import type { KeyValue } from '../store/messages.js';
import type { Place } from '../versions/place.js';
import { type Rollout, rolloutOf } from './rollout.js';
import { type Assembled, assemble, replaceLeaf } from './tree.js';

/** How the bytes of a key become a value; `name` is where it stands in the whole. */
export type Decode = 'json' | 'text' | ((bytes: Bytes, name: string) => unknown);

/** Which side of a rollout is seen at a key of the store, one char per byte. */
export type Seeing = (key: string, rollout: Rollout) => unknown;

/** What one key says, or why it says nothing that can be used. */
type Entry = { readonly path: string; readonly value: unknown } | { readonly path: string; readonly issue: Issue };

/** One key whose value is another. */
interface Replaced {
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Each costs a copy of the branches that lead to it: of many changes together all are put together anew. */
const patchesMax = 8;

/** What the store says, key by key: a change costs the decoding of the keys that it changes. */
export class StoreLayer {
  readonly #place: Place;
  readonly #decode: Decode;
  readonly #seeing: Seeing;
  readonly #entries = new Map<string, Entry>();
  /** The keys in order; undefined: not since one came or went. */
  #order: readonly string[] | undefined;
  /** As it was put together last, and what has another value since; undefined: more than that has changed. */
  #whole: unknown;
  #replaced: Replaced[] | undefined;

  constructor(place: Place, decode: Decode = 'json', seeing: Seeing) {
    this.#place = place;
    this.#decode = decode;
    this.#seeing = seeing;
  }

  /** `key` as the store has it, one char per byte, and what it holds now. Says where in the whole that is. */
  set(key: string, kv: Pick<KeyValue, 'value'> | undefined): string {
    const path = this.#place.pathOf(key);
    const before = this.#entries.get(key);
    const after = kv && this.#read(path, key, kv.value);
    if (after === undefined) this.#entries.delete(key);
    else this.#entries.set(key, after);
    if ((before === undefined) !== (after === undefined)) this.#order = undefined;
    this.#note(before, after);
    return path;
  }

  /** The whole of it, or what is wrong with it; undefined in it: the one key is not there. */
  assembled(): Assembled {
    const whole = this.#patched() ?? this.#assemble();
    this.#whole = 'value' in whole ? whole.value : undefined;
    this.#replaced = this.#whole === undefined ? undefined : [];
    return whole;
  }

  /** Few values of many: everything else stays as it is. */
  #patched(): Assembled | undefined {
    if (this.#replaced === undefined || this.#replaced.length > patchesMax) return undefined;
    let value = this.#whole;
    for (const { path, before, after } of this.#replaced) {
      value = replaceLeaf(value, path, before, after);
      if (value === undefined) return undefined;
    }
    return { value };
  }

  #note(before: Entry | undefined, after: Entry | undefined): void {
    const values = before !== undefined && after !== undefined && 'value' in before && 'value' in after;
    if (values) this.#replaced?.push({ path: after.path, before: before.value, after: after.value });
    else if (before !== after) this.#replaced = undefined;
  }

  #assemble(): Assembled {
    this.#order ??= [...this.#entries.keys()].sort();
    const entries = this.#order.map((key) => this.#entries.get(key) as Entry);
    const issues = entries.flatMap((each) => ('issue' in each ? [each.issue] : []));
    if (issues.length > 0) return { issues };
    if (this.#place.rangeEnd === undefined && entries.length === 0) return { value: undefined };
    return assemble(entries as Extract<Entry, { value: unknown }>[]);
  }

  /** What `key` says; undefined: nothing that can be used. */
  valueOf(key: string): unknown {
    const entry = this.#entries.get(key);
    return entry !== undefined && 'value' in entry ? entry.value : undefined;
  }

  #read(path: string, key: string, bytes: Bytes): Entry {
    try {
      if (typeof this.#decode === 'function') {
        return { path, value: deepFreeze(this.#decode(bytes, path || this.#place.name)) };
      }
      if (this.#decode === 'text') return { path, value: utf8Text(bytes) };
      const value = parsePlain(utf8Text(bytes));
      const rollout = rolloutOf(value);
      return { path, value: rollout === undefined ? value : this.#seeing(key, rollout) };
    } catch (error) {
      return { path, issue: { path, message: error instanceof Error ? error.message : String(error) } };
    }
  }
}
