import { Http2Error } from '../http2-error.js';
import { Code, defaultTableBytes } from '../protocol.js';
import { DynamicTable } from './dynamic-table.js';
import { type Field, field, fieldBytes } from './field.js';
import { huffmanText } from './huffman.js';
import { dynamicStart, staticTable } from './static-table.js';

/** What a header block says. */
export interface FieldList {
  readonly fields: readonly Field[];
  /** The list is longer than allowed, and `fields` is not all of it: the request or answer is of no use. */
  readonly tooLong: boolean;
}

/** No length, size or number in a block is above this: more would be a lie. */
const integerMax = 2 ** 24;

/**
 * Reads header blocks of one connection (RFC 7541), in the order in which they came: each may change the table for the
 * next. A list that is too long is read to its end, without being kept, so that the table stays right.
 */
export class HpackDecoder {
  readonly #table: DynamicTable;
  readonly #maxTableBytes: number;
  readonly #maxListBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /**
   * `maxListBytes`: of all names and values, with 32 bytes more for each field. `maxTableBytes`: as announced to the
   * peer.
   */
  constructor(maxListBytes: number, maxTableBytes = defaultTableBytes) {
    this.#table = new DynamicTable(maxTableBytes);
    this.#maxTableBytes = maxTableBytes;
    this.#maxListBytes = maxListBytes;
  }

  /** Bytes of the table, for tests of its bound. */
  get tableBytes(): number {
    return this.#table.bytes;
  }

  /** Reads `bytes[start, end)`. @throws Http2Error COMPRESSION_ERROR: the connection is of no more use. */
  decode(bytes: Buffer, start = 0, end = bytes.length): FieldList {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#resizes();
    const fields: Field[] = [];
    let listBytes = 0;
    // Bounded: each turn takes at least one byte of the block.
    while (this.#at < end) {
      const next = this.#field();
      listBytes += fieldBytes(next);
      if (listBytes <= this.#maxListBytes) fields.push(next);
    }
    this.#bytes = nothing;
    return { fields, tooLong: listBytes > this.#maxListBytes };
  }

  /** Changes of the table's size, which come before all fields. */
  #resizes(): void {
    while (this.#at < this.#end && ((this.#bytes[this.#at] as number) & 0xe0) === 0x20) {
      const size = this.#integer(5);
      if (size > this.#maxTableBytes) throw broken(`a table of ${size} bytes`);
      this.#table.resize(size);
    }
  }

  #field(): Field {
    const first = this.#bytes[this.#at] as number;
    if ((first & 0x80) !== 0) return this.#entry(this.#integer(7));
    if ((first & 0x40) !== 0) {
      const added = this.#literal(6);
      this.#table.add(added);
      return added;
    }
    if ((first & 0x20) !== 0) throw broken('a change of the table behind a field');
    return this.#literal(4);
  }

  #literal(prefixBits: number): Field {
    const number = this.#integer(prefixBits);
    const name = number === 0 ? this.#text() : this.#entry(number).name;
    return field(name, this.#text());
  }

  #entry(number: number): Field {
    const entry = number < dynamicStart ? staticTable[number - 1] : this.#table.at(number - dynamicStart);
    if (entry === undefined) throw broken(`no field has number ${number}`);
    return entry;
  }

  #text(): string {
    if (this.#at >= this.#end) throw truncated();
    const isHuffman = ((this.#bytes[this.#at] as number) & 0x80) !== 0;
    const length = this.#integer(7);
    const start = this.#at;
    if (length > this.#end - start) throw truncated();
    this.#at = start + length;
    return isHuffman ? huffmanText(this.#bytes, start, this.#at) : this.#bytes.toString('latin1', start, this.#at);
  }

  /** RFC 7541, 5.1. */
  #integer(prefixBits: number): number {
    const prefixMax = (1 << prefixBits) - 1;
    let value = (this.#bytes[this.#at++] as number) & prefixMax;
    if (value < prefixMax) return value;
    // Bounded: four bytes are more than any allowed number has.
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#at >= this.#end) throw truncated();
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if (value > integerMax) break;
      if ((byte & 0x80) === 0) return value;
    }
    throw broken('a number out of all bounds');
  }
}

const nothing = Buffer.alloc(0);

function truncated(): Http2Error {
  return broken('a block that ends within a field');
}

function broken(what: string): Http2Error {
  return new Http2Error(Code.compression, what);
}
