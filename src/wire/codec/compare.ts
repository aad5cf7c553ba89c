import { type Bytes, noBytes } from '../../core/bytes.js';
import { type Compare, CompareTarget } from '../../store/messages.js';
import type { Reader } from './reader.js';
import type { Writer } from './writer.js';

/** The fields of the message's oneof: the operand. At most one of them is on the wire. */
type Operand = Pick<Compare, 'version' | 'createRevision' | 'modRevision' | 'value' | 'lease'>;

export function writeCompare(writer: Writer, compare: Compare): void {
  writer.enum(1, compare.result);
  writer.enum(2, compare.target);
  writer.bytes(3, compare.key);
  writeOperand(writer, operandOf(compare));
  writer.bytes(64, compare.rangeEnd);
}

export function readCompare(reader: Reader): Compare {
  let result = 0;
  let target = 0;
  let key: Bytes = noBytes;
  let rangeEnd: Bytes = noBytes;
  let operand: Operand = {};
  while (reader.next()) {
    if (reader.field === 1) result = reader.enum();
    else if (reader.field === 2) target = reader.enum();
    else if (reader.field === 3) key = reader.bytes();
    else if (reader.field === 4) operand = { version: reader.int64() };
    else if (reader.field === 5) operand = { createRevision: reader.int64() };
    else if (reader.field === 6) operand = { modRevision: reader.int64() };
    else if (reader.field === 7) operand = { value: reader.bytes() };
    else if (reader.field === 8) operand = { lease: reader.int64() };
    else if (reader.field === 64) rangeEnd = reader.bytes();
    else reader.skip();
  }
  const { version, createRevision, modRevision, value, lease } = operand;
  return { result, target, key, rangeEnd, version, createRevision, modRevision, value, lease };
}

/** The operand that counts if it is given, else whatever is given: the server shall see what the caller wrote. */
function operandOf(compare: Compare): Operand {
  switch (compare.target ?? 0) {
    case CompareTarget.version:
      return compare.version === undefined ? compare : { version: compare.version };
    case CompareTarget.create:
      return compare.createRevision === undefined ? compare : { createRevision: compare.createRevision };
    case CompareTarget.mod:
      return compare.modRevision === undefined ? compare : { modRevision: compare.modRevision };
    case CompareTarget.value:
      return compare.value === undefined ? compare : { value: compare.value };
    case CompareTarget.lease:
      return compare.lease === undefined ? compare : { lease: compare.lease };
    default:
      return compare;
  }
}

/** A zero is written too: in a oneof the presence of a member means something. */
function writeOperand(writer: Writer, operand: Operand): void {
  if (operand.version !== undefined) writer.int64Always(4, operand.version);
  else if (operand.createRevision !== undefined) writer.int64Always(5, operand.createRevision);
  else if (operand.modRevision !== undefined) writer.int64Always(6, operand.modRevision);
  else if (operand.value !== undefined) writer.bytesAlways(7, operand.value);
  else if (operand.lease !== undefined) writer.int64Always(8, operand.lease);
}
