import type { Bytes } from '../../../core/bytes.js';
import { Reader } from '../../../wire/codec/reader.js';
import { toBase64 } from './base64.js';
import { type Field, type FieldType, isEnum, type MessageType } from './message-type.js';

/** A message as a value for `JSON.stringify`. Its names come from `type`, never from a peer. */
export type PlainMessage = Record<string, unknown>;

/**
 * A message in protobuf's bytes as etcd's gateway shows it: names as in the .proto file, zero values left out, 64-bit
 * integers as strings, bytes in base64, enums by name.
 */
export function messageToJson(type: MessageType, bytes: Bytes): PlainMessage {
  return readMessage(new Reader(bytes), type);
}

function readMessage(reader: Reader, type: MessageType): PlainMessage {
  const plain: PlainMessage = {};
  while (reader.next()) {
    const field = type.byNumber.get(reader.field);
    if (field === undefined) reader.skip();
    else readField(reader, field, plain);
  }
  return plain;
}

function readField(reader: Reader, field: Field, plain: PlainMessage): void {
  const { name, cardinality, type } = field;
  if (cardinality === 'repeated') {
    const values = plain[name] as unknown[] | undefined;
    const all = values ?? [];
    readInto(all, reader, type);
    plain[name] = all;
    return;
  }
  const value = readValue(reader, type);
  if (cardinality === 'oneof' || !isZero(value)) plain[name] = value;
  else delete plain[name];
}

function readInto(values: unknown[], reader: Reader, type: FieldType): void {
  if (typeof type !== 'object' || !isEnum(type)) {
    values.push(readValue(reader, type));
    return;
  }
  const numbers: number[] = [];
  reader.enums(numbers);
  values.push(...numbers.map((each) => type.names[each] ?? each));
}

function readValue(reader: Reader, type: FieldType): unknown {
  if (typeof type === 'object') {
    if (!isEnum(type)) return reader.message((inner) => readMessage(inner, type));
    const number = reader.enum();
    return number === 0 ? 0 : (type.names[number] ?? number);
  }
  switch (type) {
    case 'bytes':
      return toBase64(reader.bytes());
    case 'string':
      return reader.text();
    case 'bool':
      return reader.bool();
    case 'int64':
      return String(reader.int64());
    case 'uint64':
      return String(reader.uint64());
    case 'uint32':
      return Number(reader.uint64());
  }
}

function isZero(value: unknown): boolean {
  return value === 0 || value === '0' || value === '' || value === false;
}
