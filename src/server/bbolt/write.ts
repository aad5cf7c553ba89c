import { type Bytes, utf8 } from '../../core/bytes.js';
import {
  type Bucket,
  bucketFlag,
  bucketHeaderBytes,
  type Entry,
  elementBytes,
  PageFlag,
  pageHeaderBytes,
  writeMeta,
} from './format.js';

const pageSize = 4096;
const firstFreePage = 3;
/** A page counts its elements in 16 bits. */
const maxElements = 0xffff;

/** One element of a page: `word` is a leaf's flags, or the page that a branch leads to. */
interface Element {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly word: number;
}

const noValue: Bytes = new Uint8Array(0);

/**
 * A bbolt file that holds `buckets`, whose names are in ascending order, as pieces of it in order. Pages are filled up:
 * nobody will insert. Steps are short: one page each.
 */
export function* bboltSteps(buckets: Iterable<Bucket>): Generator<void, readonly Buffer[]> {
  const file = new Pages();
  const root: Element[] = [];
  for (const { name, entries } of buckets) {
    const header = Buffer.alloc(bucketHeaderBytes);
    header.writeBigUInt64LE(BigInt(yield* file.tree(leafElements(entries))));
    root.push({ key: utf8(name), value: header, word: bucketFlag });
  }
  return file.finish(yield* file.tree(root));
}

/** The same at once. */
export function writeBbolt(buckets: Iterable<Bucket>): Bytes {
  return Buffer.concat(toEnd(bboltSteps(buckets)));
}

/** Takes all steps, one after the other. */
export function toEnd<T>(steps: Generator<void, T>): T {
  // Bounded by the steps.
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

function* leafElements(entries: Iterable<Entry>): Generator<Element> {
  for (const [key, value] of entries) yield { key, value, word: 0 };
}

class Pages {
  readonly #pages: Buffer[] = [];
  #next = firstFreePage;

  /** Writes a B+tree; returns the page of its root. */
  *tree(elements: Iterable<Element>): Generator<void, number> {
    let level = yield* this.#level(PageFlag.leaf, elements);
    // Bounded: each level is shorter than the one below.
    while (level.length > 1) level = yield* this.#level(PageFlag.branch, level);
    return (level[0] as Element).word;
  }

  finish(root: number): readonly Buffer[] {
    const freelist = this.#page(PageFlag.freelist, 2, []);
    const head = [0, 1].map((id) => {
      const page = this.#page(PageFlag.meta, id, []);
      const meta = { pageSize, root: BigInt(root), freelist: 2n, pageCount: BigInt(this.#next) };
      writeMeta(page, pageHeaderBytes, { ...meta, transaction: BigInt(id) });
      return page;
    });
    return [...head, freelist, ...this.#pages];
  }

  /** Writes `elements` to as many pages as they need, at least one; returns what leads to those. */
  *#level(flag: number, elements: Iterable<Element>): Generator<void, Element[]> {
    const leads: Element[] = [];
    let group: Element[] = [];
    let size = pageHeaderBytes;
    const flush = () => {
      leads.push({ key: group[0]?.key ?? noValue, value: noValue, word: this.#next });
      const page = this.#page(flag, this.#next, group);
      this.#next += page.length / pageSize;
      this.#pages.push(page);
      group = [];
      size = pageHeaderBytes;
    };
    for (const element of elements) {
      const bytes = elementBytes + element.key.length + element.value.length;
      // A branch leads to two pages at least: else there could be levels without end.
      const enough = flag === PageFlag.leaf ? 1 : 2;
      if (group.length >= enough && (size + bytes > pageSize || group.length === maxElements)) {
        flush();
        yield;
      }
      group.push(element);
      size += bytes;
    }
    if (group.length > 0 || leads.length === 0) flush();
    return leads;
  }

  #page(flag: number, id: number, elements: readonly Element[]): Buffer {
    const used = elements.reduce((sum, { key, value }) => sum + elementBytes + key.length + value.length, 0);
    const count = Math.ceil((pageHeaderBytes + used) / pageSize);
    const page = Buffer.alloc(count * pageSize);
    page.writeBigUInt64LE(BigInt(id), 0);
    page.writeUInt16LE(flag, 8);
    page.writeUInt16LE(elements.length, 10);
    page.writeUInt32LE(count - 1, 12);
    let head = pageHeaderBytes;
    let at = pageHeaderBytes + elements.length * elementBytes;
    for (const { key, value, word } of elements) {
      if (flag === PageFlag.leaf) {
        page.writeUInt32LE(word, head);
        page.writeUInt32LE(at - head, head + 4);
        page.writeUInt32LE(key.length, head + 8);
        page.writeUInt32LE(value.length, head + 12);
      } else {
        page.writeUInt32LE(at - head, head);
        page.writeUInt32LE(key.length, head + 4);
        page.writeBigUInt64LE(BigInt(word), head + 8);
      }
      page.set(key, at);
      page.set(value, at + key.length);
      head += elementBytes;
      at += key.length + value.length;
    }
    return page;
  }
}
