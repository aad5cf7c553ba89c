import { type Bytes, noBytes } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';

/**
 * How deep messages may be nested. A txn inside a txn takes two levels (operation and txn); a peer that nests deeper is
 * refused rather than trusted with the stack.
 */
export const maxDepth = 128;

/** The global is a getter, which costs more than the question. */
const { isBuffer } = Buffer;

/** Versions and leases of thousands of keys are 0 or 1: one object for all of them. */
const smallest: readonly bigint[] = Array.from({ length: 0x80 }, (_, value) => BigInt(value));

/**
 * Where 64 bits are put together, within one call: arithmetic with `bigint` takes several times as long, since each
 * step allocates.
 */
const unsigned = new BigUint64Array([1n]);
const signed = new BigInt64Array(unsigned.buffer);
const halves = new Uint32Array(unsigned.buffer);
/** Where this machine has the low half. */
const lowAt = halves.indexOf(1);
const highAt = 1 - lowAt;

export type Read<Message> = (reader: Reader) => Message;

/**
 * Reads protobuf's binary form. Call `next` until it is false and, for each field, the method of its type or `skip`.
 *
 * Byte strings are views into the input: they cost no copy, and keep the whole input alive as long as they are kept.
 */
export class Reader {
  /** The number of the field that `next` found. */
  field = 0;
  readonly #buffer: Buffer;
  #wireType = 0;
  #at: number;
  #end: number;
  #depth = 0;

  /** Of `bytes[start, end)`. */
  constructor(bytes: Bytes, start = 0, end = bytes.length) {
    this.#buffer = isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  /** Moves to the next field of the message; false at its end. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.#smallVarint();
    this.field = Math.floor(tag / 8);
    this.#wireType = tag & 7;
    if (this.field === 0 || this.field > 0x1fff_ffff) throw malformed(`no field can have number ${this.field}`);
    return true;
  }

  bytes(): Bytes {
    this.#expect(2);
    const length = this.#length();
    if (length === 0) return noBytes;
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }

  text(): string {
    this.#expect(2);
    const length = this.#length();
    this.#at += length;
    return this.#buffer.toString('utf8', this.#at - length, this.#at);
  }

  bool(): boolean {
    this.#expect(0);
    return this.#uint64() !== 0n;
  }

  enum(): number {
    this.#expect(0);
    return this.#enumValue();
  }

  /** One value, or a packed list of them, appended to `values`. */
  enums(values: number[]): void {
    if (this.#wireType !== 2) {
      values.push(this.enum());
      return;
    }
    const end = this.#length() + this.#at;
    while (this.#at < end) values.push(this.#enumValue());
    if (this.#at !== end) throw malformed('a packed list ends inside a value');
  }

  int64(): bigint {
    this.#expect(0);
    const first = this.#byte();
    if (first < 0x80) return smallest[first] as bigint;
    this.#rest(first);
    return signed[0] as bigint;
  }

  uint64(): bigint {
    this.#expect(0);
    return this.#uint64();
  }

  message<Message>(read: Read<Message>): Message {
    this.#expect(2);
    if (this.#depth >= maxDepth) throw malformed(`messages are nested more than ${maxDepth} deep`);
    const length = this.#length();
    const outerEnd = this.#end;
    this.#end = this.#at + length;
    this.#depth += 1;
    const message = read(this);
    this.#depth -= 1;
    this.#end = outerEnd;
    return message;
  }

  skip(): void {
    switch (this.#wireType) {
      case 0:
        this.#uint64();
        break;
      case 1:
        this.#advance(8);
        break;
      case 2:
        this.#advance(this.#length());
        break;
      case 5:
        this.#advance(4);
        break;
      default:
        // Groups (3 and 4) are not in proto3; 6 and 7 do not exist.
        throw malformed(`field ${this.field} has wire type ${this.#wireType}`);
    }
  }

  #expect(wireType: number): void {
    if (this.#wireType === wireType) return;
    throw malformed(`field ${this.field} has wire type ${this.#wireType} instead of ${wireType}`);
  }

  #advance(size: number): void {
    if (size > this.#end - this.#at) throw malformed('a field ends after its message');
    this.#at += size;
  }

  #length(): number {
    const length = this.#smallVarint();
    if (length > this.#end - this.#at) throw malformed('a field ends after its message');
    return length;
  }

  #enumValue(): number {
    // Negative ones take ten bytes.
    return Number(BigInt.asIntN(32, this.#uint64()));
  }

  /** A tag or a length: five bytes at most. */
  #smallVarint(): number {
    let value = this.#byte();
    if (value < 0x80) return value;
    value &= 0x7f;
    for (let scale = 0x80, size = 1; size < 5; scale *= 0x80, size++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw malformed('a tag or length takes more than five bytes');
  }

  #uint64(): bigint {
    const first = this.#byte();
    if (first < 0x80) return smallest[first] as bigint;
    this.#rest(first);
    return unsigned[0] as bigint;
  }

  /** The integer that begins with `first`, into `halves`. What is above 64 bits is dropped, as everybody does. */
  #rest(first: number): void {
    let low = first & 0x7f;
    let high = 0;
    for (let shift = 7; shift < 70; shift += 7) {
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift > 28) high |= bits << (shift - 32);
      else if (shift === 28) high = bits >> 4;
      if (byte < 0x80) {
        halves[lowAt] = low;
        halves[highAt] = high;
        return;
      }
    }
    throw malformed('an integer takes more than ten bytes');
  }

  #byte(): number {
    if (this.#at >= this.#end) throw malformed('the message ends inside a field');
    return this.#buffer[this.#at++] as number;
  }
}

function malformed(what: string): ConclaveError {
  // A response that cannot be read says nothing about what its request did.
  return new ConclaveError('INTERNAL', `malformed protobuf message: ${what}`, { outcome: 'unknown' });
}
