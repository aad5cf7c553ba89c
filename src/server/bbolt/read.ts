import { type Bytes, utf8Text } from '../../core/bytes.js';
import {
  bucketFlag,
  bucketHeaderBytes,
  type Entry,
  elementBytes,
  type Meta,
  PageFlag,
  pageHeaderBytes,
  readMeta,
} from './format.js';

/** Of pages that bbolt writes. */
const pageSizes: readonly number[] = [4096, 8192, 16_384, 32_768, 65_536];

/** What is wrong with a file that is said to be bbolt's. */
export class BboltError extends Error {}

/** The entries of each bucket of a bbolt file, in order. They share its memory. Throws `BboltError`. */
export function readBbolt(bytes: Buffer): ReadonlyMap<string, readonly Entry[]> {
  const meta = newestMeta(bytes);
  if (meta === undefined) throw new BboltError('there is no bbolt file');
  const file = new PageReader(bytes, meta.pageSize);
  const buckets = new Map<string, readonly Entry[]>();
  for (const { key, value, isBucket } of file.tree(meta.root)) {
    if (isBucket)
      buckets.set(
        utf8Text(key),
        [...file.bucket(value)].map(({ key, value }): Entry => [key, value]),
      );
  }
  return buckets;
}

/** Of two, of which one may have been half written. */
function newestMeta(bytes: Buffer): Meta | undefined {
  const first = readMeta(bytes, pageHeaderBytes);
  const metas = [first].concat(
    pageSizes.map((size) => {
      const second = readMeta(bytes, size + pageHeaderBytes);
      return second?.pageSize === size ? second : undefined;
    }),
  );
  return metas
    .filter((meta) => meta !== undefined && pageSizes.includes(meta.pageSize))
    .sort((a, b) => Number((b as Meta).transaction - (a as Meta).transaction))[0];
}

interface Leaf {
  readonly key: Bytes;
  readonly value: Buffer;
  readonly isBucket: boolean;
}

class PageReader {
  readonly #bytes: Buffer;
  readonly #pageSize: number;
  readonly #seen = new Set<number>();

  constructor(bytes: Buffer, pageSize: number) {
    this.#bytes = bytes;
    this.#pageSize = pageSize;
  }

  /** What the value of a bucket leads to, or, if it is small, holds itself. */
  bucket(value: Buffer): Iterable<Leaf> {
    if (value.length < bucketHeaderBytes) throw new BboltError('a bucket is cut off');
    const root = value.readBigUInt64LE(0);
    return root === 0n ? leaves(value.subarray(bucketHeaderBytes)) : this.tree(root);
  }

  /** Bounded: no page is read twice, nor is one that is not there. */
  *tree(root: bigint): Generator<Leaf> {
    const rest = [root];
    for (let id = rest.pop(); id !== undefined; id = rest.pop()) {
      const page = this.#page(id);
      if ((page.readUInt16LE(8) & PageFlag.branch) !== 0) rest.push(...branches(page).reverse());
      else yield* leaves(page);
    }
  }

  #page(id: bigint): Buffer {
    const start = Number(id) * this.#pageSize;
    if (start + this.#pageSize > this.#bytes.length) throw new BboltError(`page ${id} is not there`);
    if (this.#seen.has(start)) throw new BboltError(`two ways lead to page ${id}`);
    this.#seen.add(start);
    const end = start + (1 + this.#bytes.readUInt32LE(start + 12)) * this.#pageSize;
    if (end > this.#bytes.length) throw new BboltError(`page ${id} is cut off`);
    return this.#bytes.subarray(start, end);
  }
}

function branches(page: Buffer): bigint[] {
  const ids: bigint[] = [];
  for (const at of elements(page)) ids.push(page.readBigUInt64LE(at + 8));
  return ids;
}

function* leaves(page: Buffer): Generator<Leaf> {
  if (page.length < pageHeaderBytes || (page.readUInt16LE(8) & PageFlag.leaf) === 0) {
    throw new BboltError('a page is no leaf');
  }
  for (const at of elements(page)) {
    const start = at + page.readUInt32LE(at + 4);
    const middle = start + page.readUInt32LE(at + 8);
    const end = middle + page.readUInt32LE(at + 12);
    if (end > page.length) throw new BboltError('an element reaches beyond its page');
    const isBucket = (page.readUInt32LE(at) & bucketFlag) !== 0;
    yield { key: page.subarray(start, middle), value: page.subarray(middle, end), isBucket };
  }
}

function* elements(page: Buffer): Generator<number> {
  const count = page.readUInt16LE(10);
  if (pageHeaderBytes + count * elementBytes > page.length) throw new BboltError('a page has more than it can hold');
  for (let i = 0; i < count; i++) yield pageHeaderBytes + i * elementBytes;
}
