import { isUtf8 } from 'node:buffer';
import type { Bytes } from '../../../core/bytes.js';
import { ConclaveError } from '../../../core/errors.js';
import { Writer } from '../../../wire/codec/writer.js';
import { fromBase64 } from './base64.js';
import { badJson, JsonNumber, type JsonObject, type JsonValue, parseJson } from './json-value.js';
import { type EnumType, type Field, type FieldType, isEnum, type MessageType } from './message-type.js';

/**
 * A JSON text as a message in protobuf's bytes. Unknown fields and unknown enum names are left out, `null` is absent,
 * an empty text is `{}` (protocol.md section 6). Throws `INVALID_ARGUMENT` for anything that is no such message.
 */
export function messageFromJson(type: MessageType, json: Buffer): Bytes {
  if (!isUtf8(json)) throw badJson('not UTF-8');
  const text = json.toString('utf8');
  const value = text.trim() === '' ? null : parseJson(text);
  const writer = new Writer();
  if (value !== null) writeMessage(writer, type, objectOf(value, type.name));
  return writer.finish();
}

function writeMessage(writer: Writer, type: MessageType, object: JsonObject): void {
  for (const [name, value] of object) {
    const field = type.byName.get(name);
    if (field === undefined || value === null) continue;
    if (field.cardinality === 'repeated') writeList(writer, field, value);
    else writeValue(writer, field, field.type, value);
  }
}

function writeList(writer: Writer, field: Field, value: JsonValue): void {
  if (!Array.isArray(value)) throw mismatch(field.name, 'a list');
  const { type } = field;
  if (typeof type === 'object' && isEnum(type)) {
    const values = (value as JsonValue[]).map((each) => enumValue(type, field, each));
    writer.enums(
      field.number,
      values.filter((each) => each !== undefined),
    );
    return;
  }
  for (const each of value as JsonValue[]) writeValue(writer, field, type, each);
}

function writeValue(writer: Writer, field: Field, type: FieldType, value: JsonValue): void {
  const { name, number } = field;
  if (typeof type === 'object') {
    if (isEnum(type)) writer.enum(number, enumValue(type, field, value));
    else writer.message(number, objectOf(value, name), (inner, object) => writeMessage(inner, type, object));
    return;
  }
  switch (type) {
    case 'bytes':
      writer.bytesAlways(number, fromBase64(stringOf(value, name)));
      break;
    case 'string':
      writer.bytesAlways(number, Buffer.from(stringOf(value, name), 'utf8'));
      break;
    case 'bool':
      if (typeof value !== 'boolean') throw mismatch(name, 'true or false');
      writer.bool(number, value);
      break;
    case 'int64':
      writer.int64Always(number, integerOf(value, name));
      break;
    case 'uint64':
      writer.uint64(number, integerOf(value, name));
      break;
    case 'uint32':
      writer.uint64(number, uint32Of(integerOf(value, name), name));
      break;
  }
}

/** Undefined: a name that nobody knows. */
function enumValue(type: EnumType, { name }: Field, value: JsonValue): number | undefined {
  if (typeof value === 'string') {
    const at = type.names.indexOf(value);
    return at < 0 ? undefined : at;
  }
  const number = integerOf(value, name);
  if (number !== BigInt.asIntN(32, number)) throw mismatch(name, 'a number of 32 bits');
  return Number(number);
}

/** Longer than any integer of 64 bits that is written with a fraction of zeros, and short enough to be harmless. */
const maxIntegerLength = 64;

/** A number or its text; `1.0` and `1e3` are integers too. */
function integerOf(value: JsonValue, name: string): bigint {
  const text = value instanceof JsonNumber ? value.text : value;
  if (typeof text !== 'string' || text.length > maxIntegerLength) throw mismatch(name, 'an integer');
  const parts = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,2}))?$/.exec(text);
  if (parts === null) throw mismatch(name, 'an integer');
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  const digits = whole + fraction;
  const shift = Number(exponent) - fraction.length;
  const integer = shift >= 0 ? digits + '0'.repeat(shift) : digits.slice(0, shift);
  if (shift < 0 && /[^0]/.test(digits.slice(shift))) throw mismatch(name, 'an integer');
  return BigInt(`${sign === '-' && integer !== '' ? '-' : ''}${integer === '' ? '0' : integer}`);
}

function uint32Of(value: bigint, name: string): bigint {
  if (value !== BigInt.asUintN(32, value)) throw mismatch(name, 'an unsigned number of 32 bits');
  return value;
}

function stringOf(value: JsonValue, name: string): string {
  if (typeof value !== 'string') throw mismatch(name, 'a string');
  return value;
}

function objectOf(value: JsonValue, name: string): JsonObject {
  if (!(value instanceof Map)) throw mismatch(name, 'an object');
  return value;
}

function mismatch(name: string, expected: string): ConclaveError {
  return new ConclaveError('INVALID_ARGUMENT', `invalid JSON: ${name} must be ${expected}`);
}
