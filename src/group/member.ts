import { type Bytes, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { isPlainObject, jsonOrText, type Plain } from '../core/plain.js';
import type { Identity } from '../line/context.js';
import type { KeyValue } from '../store/messages.js';

/** One member of a group as the store shows it. */
export interface Member extends Identity {
  readonly id: string;
  /** Whatever it says of itself; null: nothing. */
  readonly data: Plain;
  /** Drawn for each membership, so that it knows its own entry. */
  readonly owner: string;
  readonly leaseId: bigint;
  /** The older, the smaller: since it last came, or came back. */
  readonly createRevision: bigint;
  readonly modRevision: bigint;
}

const dataBytesMax = 1024 * 1024;

/** @throws ConclaveError `INVALID_ARGUMENT` when `data` is no JSON, or too much. */
export function encodeMember(identity: Identity, owner: string, data: Plain): Bytes {
  const bytes = utf8(JSON.stringify({ ...identity, owner, data }));
  if (bytes.length <= dataBytesMax) return bytes;
  throw new ConclaveError('INVALID_ARGUMENT', `a member's data has at most ${dataBytesMax} bytes as JSON`);
}

/** Undefined: no member's entry. */
export function decodeMember(id: string, kv: KeyValue): Member | undefined {
  const read = jsonOrText(utf8Text(kv.value));
  if (!isPlainObject(read) || typeof read.owner !== 'string') return undefined;
  const { owner, data, host, pid, label } = read;
  return Object.freeze({
    id,
    data: (data ?? null) as Plain,
    owner,
    ...(typeof host === 'string' && { host }),
    ...(typeof pid === 'number' && { pid }),
    ...(typeof label === 'string' && { label }),
    leaseId: kv.lease,
    createRevision: kv.createRevision,
    modRevision: kv.modRevision,
  });
}
