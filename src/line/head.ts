import { type Bytes, concatBytes, sameBytes, utf8, utf8Text } from '../core/bytes.js';
import { type Event, EventType } from '../store/messages.js';
import type { Place } from './place.js';

/**
 * What a holder writes into its place in a long line: nobody stands before it. Older places only go, so that whoever
 * waits directly behind it has its turn when it has gone, and need not have the line read to know.
 */
export interface Head {
  /** How many stood in the line when it was last read, less those who have had their turns since. */
  readonly length: number;
}

/** `value`, a JSON object, of the place created at `createRevision`, with what it tells who waits behind it. */
export function withHead(value: Bytes, createRevision: bigint, { length }: Head): Bytes {
  const rest = value.subarray(0, -1);
  const head = `"head":${JSON.stringify({ at: String(createRevision), length })}}`;
  return concatBytes(rest, utf8(rest.length > 1 ? `,${head}` : head));
}

/** Undefined: the place does not tell that it is the head, or what it tells was copied from another one. */
export function headOf({ value, createRevision }: Place): Head | undefined {
  const [, at, length] = headGrammar.exec(utf8Text(value)) ?? [];
  return at === undefined || BigInt(at) !== createRevision ? undefined : { length: Number(length) };
}

const headGrammar = /"head":\{"at":"(\d+)","length":(\d+)\}\}$/;

/** `behind` as it was when it went, if that was heard and it was the head. */
export function goneHead(
  behind: Place,
  events: readonly Event[],
): (Head & Pick<Place, 'key' | 'createRevision'>) | undefined {
  const { key, createRevision } = behind;
  const last = events.find(({ type, kv }) => type === EventType.delete && sameBytes(kv.key, key))?.prevKv;
  const head = last?.createRevision === createRevision ? headOf(last) : undefined;
  return head && { ...head, key, createRevision };
}
