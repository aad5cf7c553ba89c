import { defaultTableBytes } from '../protocol.js';
import { DynamicTable } from './dynamic-table.js';
import { type Field, field, fieldBytes } from './field.js';
import { dynamicStart, staticIndex, staticNames } from './static-table.js';

/** A header to be sent; its text is latin1, one byte per char. */
export interface OutgoingField {
  readonly name: string;
  readonly value: string;
  /**
   * `table` (default): the peer may keep it, so that it costs a byte from then on; `plain`: it will not come again;
   * `never`: nobody on the way may keep it either, as for secrets (RFC 7541, 7.1.3).
   */
  readonly indexing?: 'table' | 'plain' | 'never' | undefined;
}

/**
 * Writes header blocks of one connection, in the order in which they are sent. A list of fields that is the same object
 * as before costs a look-up. Fields enter the peer's table while there is room and leave it never, unless the peer
 * makes the table smaller; no Huffman code, which would save a few bytes once.
 */
export class HpackEncoder {
  readonly #table = new DynamicTable(defaultTableBytes);
  /** Where a field is in the table, counted from the oldest. */
  #numbers = new Map<string, number>();
  /** Blocks that hold as long as the table stays as it is. */
  #known = new WeakMap<readonly OutgoingField[], Buffer>();
  /** The peer has to be told of the table's size, before the next field. */
  #isResized = false;

  /** The peer's HEADER_TABLE_SIZE. More than 4,096 bytes are not made use of. */
  resizeTable(bytes: number): void {
    const size = Math.min(bytes, defaultTableBytes);
    if (size === this.#table.maxBytes) return;
    this.#isResized = true;
    // All go, so that nobody need know which ones would stay.
    this.#table.resize(0);
    this.#table.resize(size);
    this.#known = new WeakMap();
    this.#numbers = new Map();
  }

  /** The block must be sent, and before any later one. It must not be changed. */
  encode(fields: readonly OutgoingField[]): Buffer {
    const known = this.#known.get(fields);
    if (known !== undefined) return known;
    const before = this.#table.length;
    const bytes: number[] = [];
    const wasResized = this.#isResized;
    if (wasResized) this.#writeSize(bytes);
    for (const each of fields) this.#writeField(bytes, each);
    const block = Buffer.from(bytes);
    if (this.#table.length !== before) this.#known = new WeakMap();
    else if (!wasResized) this.#known.set(fields, block);
    return block;
  }

  /** Zero first: the peer's table is then as empty as ours. */
  #writeSize(bytes: number[]): void {
    this.#isResized = false;
    writeInteger(bytes, 0x20, 5, 0);
    if (this.#table.maxBytes > 0) writeInteger(bytes, 0x20, 5, this.#table.maxBytes);
  }

  #writeField(bytes: number[], { name, value, indexing = 'table' }: OutgoingField): void {
    const index = indexing === 'table' ? this.#indexOf(name, value) : undefined;
    if (index !== undefined) {
      writeInteger(bytes, 0x80, 7, index);
      return;
    }
    const added = field(name, value);
    const isKept = indexing === 'table' && this.#hasRoom(added);
    const nameIndex = staticNames.get(name) ?? 0;
    if (isKept) writeInteger(bytes, 0x40, 6, nameIndex);
    else writeInteger(bytes, indexing === 'never' ? 0x10 : 0x00, 4, nameIndex);
    if (nameIndex === 0) writeText(bytes, name);
    writeText(bytes, value);
    if (!isKept) return;
    this.#numbers.set(`${name}\0${value}`, this.#table.length);
    this.#table.add(added);
  }

  #indexOf(name: string, value: string): number | undefined {
    const number = this.#numbers.get(`${name}\0${value}`);
    if (number !== undefined) return dynamicStart + this.#table.length - 1 - number;
    return staticIndex(name, value);
  }

  #hasRoom(added: Field): boolean {
    return this.#table.bytes + fieldBytes(added) <= this.#table.maxBytes;
  }
}

/** RFC 7541, 5.1; `pattern` stands before the number in its first byte. */
function writeInteger(bytes: number[], pattern: number, prefixBits: number, value: number): void {
  const prefixMax = (1 << prefixBits) - 1;
  if (value < prefixMax) {
    bytes.push(pattern | value);
    return;
  }
  bytes.push(pattern | prefixMax);
  let rest = value - prefixMax;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
}

function writeText(bytes: number[], text: string): void {
  writeInteger(bytes, 0x00, 7, text.length);
  for (let at = 0; at < text.length; at++) bytes.push(text.charCodeAt(at) & 0xff);
}
