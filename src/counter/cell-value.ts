import { utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { KeyValue } from '../store/messages.js';

/** What stands in a cell's key: a whole number in its first line, then who wrote it last, the latest first. */
export interface CellState {
  readonly value: bigint;
  readonly makers: readonly string[];
  readonly revision: bigint;
  readonly createRevision: bigint;
  readonly version: bigint;
}

/** So many of those who wrote last are told by the value itself, without a look into the store's history. */
export const makersMax = 16;

export function encodeCell(value: bigint, makers: readonly string[]): string {
  return `${value}\n${makers.join(' ')}`;
}

/** @throws ConclaveError `INVALID_VALUE` where `cellIn` finds none. */
export function cellOf(kv: KeyValue): CellState {
  const cell = cellIn(kv);
  if (cell === undefined) throw new ConclaveError('INVALID_VALUE', `${utf8Text(kv.key)} holds no whole number`);
  return cell;
}

/** A number that somebody else wrote, as `etcdctl put` does, counts like one of ours. Undefined: there is none. */
export function cellIn(kv: KeyValue): CellState | undefined {
  const [, number, names = ''] = grammar.exec(utf8Text(kv.value)) ?? [];
  if (number === undefined) return undefined;
  const makers = names === '' ? [] : names.split(' ');
  const { modRevision: revision, createRevision, version } = kv;
  return { value: BigInt(number), makers, revision, createRevision, version };
}

const grammar = /^\s*([+-]?\d{1,40})\s*(?:\n([0-9a-f ]*))?$/;
