import type { Bytes } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';

const initialSize = 256;
/** Varints of 64 bits take at most this many bytes. */
const maxVarintSize = 10;

export type Write<Message> = (writer: Writer, message: Message) => void;

/**
 * Writes protobuf's binary form into one growing buffer. The methods named after a type leave out zero, empty and
 * undefined, as proto3 does; the `always` ones write whatever they are given, for members of a oneof.
 */
export class Writer {
  #buffer: Buffer = Buffer.allocUnsafe(initialSize);
  #at = 0;

  finish(): Bytes {
    return this.#buffer.subarray(0, this.#at);
  }

  /** Fields that another writer has written. */
  encoded(fields: Bytes): void {
    this.#reserve(fields.length);
    this.#buffer.set(fields, this.#at);
    this.#at += fields.length;
  }

  bytes(field: number, value: Bytes | undefined): void {
    if (value !== undefined && value.length > 0) this.bytesAlways(field, value);
  }

  bytesAlways(field: number, value: Bytes): void {
    this.#reserve(2 * maxVarintSize + value.length);
    this.#tag(field, 2);
    this.#varint(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  text(field: number, value: string | undefined): void {
    if (value !== undefined && value !== '') this.bytesAlways(field, Buffer.from(value, 'utf8'));
  }

  bool(field: number, value: boolean | undefined): void {
    if (value === true) this.#small(field, 1);
  }

  /** An enum; numbers that etcd does not know are written too, so that the server can refuse them. */
  enum(field: number, value: number | undefined): void {
    if (value !== undefined && value !== 0) this.int64(field, BigInt(value));
  }

  enums(field: number, values: readonly number[] | undefined): void {
    if (values === undefined || values.length === 0) return;
    const start = this.#begin(field);
    for (const value of values) {
      this.#reserve(maxVarintSize);
      this.#bigVarint(BigInt(value));
    }
    this.#end(start);
  }

  int64(field: number, value: bigint | undefined): void {
    if (value !== undefined && value !== 0n) this.int64Always(field, value);
  }

  int64Always(field: number, value: bigint): void {
    if (value !== BigInt.asIntN(64, value)) throw outOfRange(value, 'int64');
    this.#integer(field, value);
  }

  uint64(field: number, value: bigint | undefined): void {
    if (value === undefined || value === 0n) return;
    if (value !== BigInt.asUintN(64, value)) throw outOfRange(value, 'uint64');
    this.#integer(field, value);
  }

  /** Writes an empty message too: only undefined is left out. */
  message<Message>(field: number, message: Message | undefined, write: Write<Message>): void {
    if (message === undefined) return;
    const start = this.#begin(field);
    write(this, message);
    this.#end(start);
  }

  messages<Message>(field: number, messages: readonly Message[] | undefined, write: Write<Message>): void {
    if (messages === undefined) return;
    for (const message of messages) this.message(field, message, write);
  }

  byteStrings(field: number, values: readonly Bytes[]): void {
    for (const value of values) this.bytesAlways(field, value);
  }

  /** Starts a field of yet unknown length, for which it leaves one byte; returns where its content starts. */
  #begin(field: number): number {
    this.#reserve(2 * maxVarintSize);
    this.#tag(field, 2);
    this.#at += 1;
    return this.#at;
  }

  /** Writes the length of what was written since `start`, and moves that away if the length takes more than a byte. */
  #end(start: number): void {
    const length = this.#at - start;
    if (length >= 0x80) {
      this.#reserve(maxVarintSize);
      this.#buffer.copyWithin(start + varintSize(length) - 1, start, this.#at);
    }
    this.#at = start - 1;
    this.#varint(length);
    this.#at += length;
  }

  #small(field: number, value: number): void {
    this.#reserve(2 * maxVarintSize);
    this.#tag(field, 0);
    this.#varint(value);
  }

  #integer(field: number, value: bigint): void {
    this.#reserve(2 * maxVarintSize);
    this.#tag(field, 0);
    this.#bigVarint(value);
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  /** `value` is a whole number from 0 up to 2^53; the room has been reserved. */
  #varint(value: number): void {
    let rest = value;
    // Bit operations know 31 bits only, but are several times faster.
    while (rest > 0x7fff_ffff) {
      this.#buffer[this.#at++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      this.#buffer[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#at++] = rest;
  }

  /** Negative numbers take ten bytes, as protobuf has it. */
  #bigVarint(value: bigint): void {
    const number = Number(value);
    if (number >= 0 && number <= Number.MAX_SAFE_INTEGER) {
      this.#varint(number);
      return;
    }
    const unsigned = BigInt.asUintN(64, value);
    // The lower 49 bits are seven bytes that are all there; the upper 15 are the rest.
    let low = Number(unsigned & 0x1_ffff_ffff_ffffn);
    for (let size = 0; size < 7; size++) {
      this.#buffer[this.#at++] = (low % 0x80) + 0x80;
      low = Math.floor(low / 0x80);
    }
    this.#varint(Number(unsigned >> 49n));
  }

  #reserve(size: number): void {
    const needed = this.#at + size;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size += 1;
  return size;
}

function outOfRange(value: bigint, type: string): ConclaveError {
  return new ConclaveError('INVALID_ARGUMENT', `${value} does not fit an ${type}`);
}
