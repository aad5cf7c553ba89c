import { copyBytes } from '../core/bytes.js';
import type { Event, KeyValue, ResponseOp } from '../store/messages.js';

/** Copies of the engine's answers, for callers that may write to what they get. */
export function ownKeyValue(kv: KeyValue): KeyValue {
  return { ...kv, key: copyBytes(kv.key), value: copyBytes(kv.value) };
}

export function ownEvent({ type, kv, prevKv }: Event): Event {
  return { type, kv: ownKeyValue(kv), prevKv: prevKv && ownKeyValue(prevKv) };
}

/** Recursion is bounded by the depth of the txn, which its check has bounded. */
export function ownResponseOp(op: ResponseOp): ResponseOp {
  switch (op.type) {
    case 'range':
      return { type: 'range', response: { ...op.response, kvs: op.response.kvs.map(ownKeyValue) } };
    case 'put': {
      const { prevKv } = op.response;
      return { type: 'put', response: { ...op.response, prevKv: prevKv && ownKeyValue(prevKv) } };
    }
    case 'deleteRange':
      return { type: 'deleteRange', response: { ...op.response, prevKvs: op.response.prevKvs.map(ownKeyValue) } };
    case 'txn':
      return { type: 'txn', response: { ...op.response, responses: op.response.responses.map(ownResponseOp) } };
    case 'none':
      return op;
  }
}
