import { type Bytes, noBytes } from '../../core/bytes.js';
import type { ResponseHeader } from '../../store/messages.js';
import type { Codec } from './codec.js';
import { noHeader, readHeader, writeHeader } from './common.js';
import { messageCodec } from './message-codec.js';
import type { Read, Reader } from './reader.js';
import type { Write, Writer } from './writer.js';

/** One field of a message: what it is when absent, and how it is written and read. */
export interface Field<Value> {
  readonly number: number;
  absent(): Value;
  write(writer: Writer, value: Value): void;
  /** `before`: what earlier occurrences of the field gave, for repeated ones. */
  read(reader: Reader, before: Value): Value;
}

/** A field for every member of `Message`. */
export type Fields<Message> = { readonly [Name in keyof Message]-?: Field<Message[Name]> };

/** How a message that is a table of fields is written and read, for use inside other messages. */
export interface FieldTable<Message> {
  readonly write: Write<Message>;
  readonly read: Read<Message>;
}

/**
 * For messages that are rare: a table of fields instead of two functions of their own. The calls that carry data
 * (KV, Watch, Lease) have hand-written ones, which are several times faster.
 */
export function fieldTable<Message extends object>(fields: Fields<Message>): FieldTable<Message> {
  const rows = Object.entries(fields) as [keyof Message & string, Field<unknown>][];
  const byNumber = new Map(rows.map((row) => [row[1].number, row]));
  const absent = () => Object.fromEntries(rows.map(([name, field]) => [name, field.absent()])) as Message;
  return {
    write: (writer, message) => {
      for (const [name, field] of rows) field.write(writer, message[name]);
    },
    read: (reader) => {
      const message = absent();
      while (reader.next()) {
        const row = byNumber.get(reader.field);
        if (row === undefined) reader.skip();
        else message[row[0]] = row[1].read(reader, message[row[0]]) as Message[keyof Message & string];
      }
      return message;
    },
  };
}

export function fieldCodec<Message extends object>(fields: Fields<Message>): Codec<Message> {
  const { write, read } = fieldTable(fields);
  return messageCodec(write, read);
}

export const noFields: Fields<Record<never, never>> = {};

export function text(number: number): Field<string> {
  return {
    number,
    absent: () => '',
    write: (writer, value) => writer.text(number, value),
    read: (reader) => reader.text(),
  };
}

export function bytes(number: number): Field<Bytes> {
  return {
    number,
    absent: () => noBytes,
    write: (writer, value) => writer.bytes(number, value),
    read: (reader) => reader.bytes(),
  };
}

export function bool(number: number): Field<boolean> {
  return {
    number,
    absent: () => false,
    write: (writer, value) => writer.bool(number, value),
    read: (reader) => reader.bool(),
  };
}

export function enumeration(number: number): Field<number> {
  return {
    number,
    absent: () => 0,
    write: (writer, value) => writer.enum(number, value),
    read: (reader) => reader.enum(),
  };
}

export function uint32(number: number): Field<number> {
  return {
    number,
    absent: () => 0,
    write: (writer, value) => writer.uint64(number, BigInt(value)),
    read: (reader) => Number(BigInt.asUintN(32, reader.uint64())),
  };
}

export function int64(number: number): Field<bigint> {
  return {
    number,
    absent: () => 0n,
    write: (writer, value) => writer.int64(number, value),
    read: (reader) => reader.int64(),
  };
}

export function uint64(number: number): Field<bigint> {
  return {
    number,
    absent: () => 0n,
    write: (writer, value) => writer.uint64(number, value),
    read: (reader) => reader.uint64(),
  };
}

/** A response that comes without a header reads as one with `noHeader`. */
export function header(number = 1): Field<ResponseHeader> {
  return {
    number,
    absent: () => noHeader,
    write: (writer, value) => writer.message(number, value, writeHeader),
    read: (reader) => reader.message(readHeader),
  };
}

/** A message that may be missing. */
export function optional<Message>(number: number, table: FieldTable<Message>): Field<Message | undefined> {
  return {
    number,
    absent: () => undefined,
    write: (writer, value) => writer.message(number, value, table.write),
    read: (reader) => reader.message(table.read),
  };
}

export function repeated<Message>(number: number, table: FieldTable<Message>): Field<readonly Message[]> {
  return {
    number,
    absent: () => [],
    write: (writer, value) => writer.messages(number, value, table.write),
    read: (reader, before) => append(before, reader.message(table.read)),
  };
}

export function texts(number: number): Field<readonly string[]> {
  return {
    number,
    absent: () => [],
    write: (writer, value) => {
      for (const each of value) writer.bytesAlways(number, Buffer.from(each, 'utf8'));
    },
    read: (reader, before) => append(before, reader.text()),
  };
}

/** The list is the one that `absent` made for this message: nobody else has seen it yet. */
function append<T>(before: readonly T[], value: T): readonly T[] {
  (before as T[]).push(value);
  return before;
}
