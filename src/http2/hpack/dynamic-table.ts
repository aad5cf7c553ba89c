import { type Field, fieldBytes } from './field.js';

/** HPACK's table of fields that were sent before; the newest has number 0 here (RFC 7541, 2.3.2 and 4). */
export class DynamicTable {
  #maxBytes: number;
  #bytes = 0;
  /** The oldest first; those before `#first` are gone. */
  #fields: Field[] = [];
  #first = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#fields.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  at(number: number): Field | undefined {
    const index = this.#fields.length - 1 - number;
    return index < this.#first ? undefined : this.#fields[index];
  }

  /** A field above the whole table's size empties it, and is not in it afterwards. */
  add(field: Field): void {
    const size = fieldBytes(field);
    this.#shrink(this.#maxBytes - size);
    if (size > this.#maxBytes) return;
    this.#fields.push(field);
    this.#bytes += size;
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#shrink(maxBytes);
  }

  #shrink(bytes: number): void {
    // Bounded: each turn takes a field away, and an empty table has no bytes.
    while (this.#bytes > Math.max(0, bytes)) {
      this.#bytes -= fieldBytes(this.#fields[this.#first] as Field);
      this.#first += 1;
    }
    if (this.#first < 64 || 2 * this.#first < this.#fields.length) return;
    this.#fields = this.#fields.slice(this.#first);
    this.#first = 0;
  }
}
