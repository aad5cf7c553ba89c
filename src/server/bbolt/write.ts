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

/** A bbolt file that holds `buckets`, whose names are in ascending order. Pages are filled up: nobody will insert. */
export function writeBbolt(buckets: Iterable<Bucket>): Bytes {
  const file = new Pages();
  const root = [...buckets].map(({ name, entries }): Element => {
    const header = Buffer.alloc(bucketHeaderBytes);
    header.writeBigUInt64LE(BigInt(file.tree(leafElements(entries))));
    return { key: utf8(name), value: header, word: bucketFlag };
  });
  return file.finish(file.tree(root));
}

function* leafElements(entries: Iterable<Entry>): Generator<Element> {
  for (const [key, value] of entries) yield { key, value, word: 0 };
}

class Pages {
  readonly #pages: Buffer[] = [];
  #next = firstFreePage;

  /** Writes a B+tree; returns the page of its root. */
  tree(elements: Iterable<Element>): number {
    let level = this.#level(PageFlag.leaf, elements);
    // Bounded: each level is shorter than the one below.
    while (level.length > 1) level = this.#level(PageFlag.branch, level);
    return (level[0] as Element).word;
  }

  finish(root: number): Bytes {
    const freelist = this.#page(PageFlag.freelist, 2, []);
    const head = [0, 1].map((id) => {
      const page = this.#page(PageFlag.meta, id, []);
      const meta = { pageSize, root: BigInt(root), freelist: 2n, pageCount: BigInt(this.#next) };
      writeMeta(page, pageHeaderBytes, { ...meta, transaction: BigInt(id) });
      return page;
    });
    return Buffer.concat([...head, freelist, ...this.#pages]);
  }

  /** Writes `elements` to as many pages as they need, at least one; returns what leads to those. */
  #level(flag: number, elements: Iterable<Element>): Element[] {
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
      if (group.length >= enough && (size + bytes > pageSize || group.length === maxElements)) flush();
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
