import { type Bytes, latin1 } from '../core/bytes.js';
import * as m from '../store/messages.js';
import type { WatchSpec } from '../store/store.js';
import type {
  KvAnswer,
  KvCompare,
  KvItem,
  KvOp,
  KvRange,
  KvTxn,
  KvTxnResult,
  WatchedEvent,
  WatchStart,
} from './vocabulary.js';

/** etcd's messages in the words of a history: plain data, keys and values as text with one char per byte. */

export function plainRange(request: m.RangeRequest): KvRange {
  const { revision, limit, serializable, countOnly, keysOnly } = request;
  const shaped = [request.sortOrder, request.minModRevision, request.maxModRevision, request.minCreateRevision].some(
    set,
  );
  return {
    key: latin1(request.key),
    ...rangeEndOf(request.rangeEnd),
    ...(set(revision) && { revision }),
    ...(set(limit) && { limit: Number(limit) }),
    ...(serializable === true && { serializable }),
    ...(countOnly === true && { countOnly }),
    ...(keysOnly === true && { keysOnly }),
    ...((shaped || set(request.maxCreateRevision)) && { shaped: true }),
  };
}

export function plainTxn({ compare = [], success = [], failure = [] }: m.TxnRequest): KvTxn {
  return { compare: compare.map(plainCompare), success: success.map(plainOp), failure: failure.map(plainOp) };
}

export function plainTxnResult({ header, succeeded, responses }: m.TxnResponse): KvTxnResult {
  return { revision: header.revision, succeeded, responses: responses.map(plainAnswer) };
}

export function plainItem({ key, value, createRevision, modRevision, version, lease }: m.KeyValue): KvItem {
  return { key: latin1(key), value: latin1(value), create: createRevision, mod: modRevision, version, lease };
}

export function plainEvent({ type, kv, prevKv }: m.Event): WatchedEvent {
  const { key, value, create, version, lease } = plainItem(kv);
  return {
    revision: kv.modRevision,
    type: type === m.EventType.delete ? 'delete' : 'put',
    ...{ key, value, create, version, lease },
    ...(prevKv !== undefined && { prev: plainItem(prevKv) }),
  };
}

export function plainWatch({
  key,
  rangeEnd,
  startRevision,
  filters = [],
  prevKv,
}: WatchSpec): Omit<WatchStart, 'watch'> {
  return {
    key: latin1(key),
    ...rangeEndOf(rangeEnd),
    ...(set(startRevision) && { startRevision }),
    ...(filters.includes(m.WatchFilter.noPut) && { noPut: true }),
    ...(filters.includes(m.WatchFilter.noDelete) && { noDelete: true }),
    ...(prevKv === true && { prevKv }),
  };
}

const targets = ['version', 'create', 'mod', 'value', 'lease'] as const;
const results = ['=', '>', '<', '!='] as const;

function plainCompare(compare: m.Compare): KvCompare {
  const target = targets[compare.target ?? 0] ?? 'version';
  const operands = {
    version: compare.version ?? 0n,
    create: compare.createRevision ?? 0n,
    mod: compare.modRevision ?? 0n,
    value: compare.value === undefined ? '' : latin1(compare.value),
    lease: compare.lease ?? 0n,
  };
  const result = results[compare.result ?? 0] ?? '=';
  return { key: latin1(compare.key), ...rangeEndOf(compare.rangeEnd), target, result, operand: operands[target] };
}

function plainOp(op: m.RequestOp): KvOp {
  switch (op.type) {
    case 'range':
      return { op: 'range', input: plainRange(op.request) };
    case 'put': {
      const { key, value, lease, ignoreValue, ignoreLease } = op.request;
      const text = value === undefined ? '' : latin1(value);
      const flags = { ...(ignoreValue === true && { ignoreValue }), ...(ignoreLease === true && { ignoreLease }) };
      return { op: 'put', input: { key: latin1(key), value: text, ...(set(lease) && { lease }), ...flags } };
    }
    case 'deleteRange':
      return { op: 'delete', input: { key: latin1(op.request.key), ...rangeEndOf(op.request.rangeEnd) } };
    case 'txn':
      return { op: 'txn', input: plainTxn(op.request) };
    case 'none':
      throw new Error('an operation with nothing in it cannot be recorded');
  }
}

function plainAnswer(answer: m.ResponseOp): KvAnswer {
  switch (answer.type) {
    case 'range':
      return { op: 'range', kvs: answer.response.kvs.map(plainItem), count: answer.response.count };
    case 'put':
      return { op: 'put' };
    case 'deleteRange':
      return { op: 'delete', deleted: answer.response.deleted };
    case 'txn':
      return { op: 'txn', succeeded: answer.response.succeeded, responses: answer.response.responses.map(plainAnswer) };
    case 'none':
      throw new Error('an answer with nothing in it cannot be recorded');
  }
}

function rangeEndOf(rangeEnd: Bytes | undefined): { rangeEnd?: string } {
  return rangeEnd === undefined || rangeEnd.length === 0 ? {} : { rangeEnd: latin1(rangeEnd) };
}

function set<T extends bigint | number>(value: T | undefined): value is T {
  return value !== undefined && value !== 0 && value !== 0n;
}
