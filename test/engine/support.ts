import { utf8, utf8Text } from '../../src/core/bytes.js';
import { Engine, type EngineOptions } from '../../src/engine/engine.js';
import type {
  Compare,
  DeleteRangeRequest,
  KeyValue,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../src/store/messages.js';

/** Requests whose bytes are written as text. */
export type Text<T> = { readonly [K in keyof T]: K extends 'key' | 'rangeEnd' | 'value' ? string : T[K] };

export function newEngine(options: Partial<EngineOptions> = {}): Engine {
  let leaseId = 1_000n;
  return new Engine({ clusterId: 7n, memberId: 8n, drawLeaseId: () => ++leaseId, ...options });
}

export const header = (revision: bigint) => ({ clusterId: 7n, memberId: 8n, revision, raftTerm: 2n });
export const innerHeader = (revision: bigint) => ({ clusterId: 0n, memberId: 0n, revision, raftTerm: 0n });

export const b = utf8;
export const range = (request: Text<RangeRequest>): RangeRequest => bytes(request);
export const put = (key: string, value = '', rest: Partial<PutRequest> = {}): PutRequest => ({
  ...rest,
  key: b(key),
  value: b(value),
});
export const del = (key: string, rangeEnd = '', prevKv = false): DeleteRangeRequest => ({
  key: b(key),
  rangeEnd: b(rangeEnd),
  prevKv,
});
export const compare = (request: Text<Compare>): Compare => bytes(request);

export const op = {
  range: (request: Text<RangeRequest>): RequestOp => ({ type: 'range', request: range(request) }),
  put: (key: string, value?: string, rest?: Partial<PutRequest>): RequestOp => ({
    type: 'put',
    request: put(key, value, rest),
  }),
  del: (key: string, rangeEnd?: string, prevKv?: boolean): RequestOp => ({
    type: 'deleteRange',
    request: del(key, rangeEnd, prevKv),
  }),
  txn: (request: TxnRequest): RequestOp => ({ type: 'txn', request }),
};

/** `key=value@create/mod/version` and the lease, if any. */
export function show(kv: KeyValue | undefined): string {
  if (kv === undefined) return '-';
  const lease = kv.lease === 0n ? '' : ` lease ${kv.lease}`;
  const revisions = `${kv.createRevision}/${kv.modRevision}/${kv.version}`;
  return `${utf8Text(kv.key)}=${utf8Text(kv.value)}@${revisions}${lease}`;
}

/** All keys, shown. */
export function dump(engine: Engine, revision = 0n): string[] {
  return engine.range(range({ key: '\0', rangeEnd: '\0', revision })).kvs.map(show);
}

/** The text of what `fn` throws, or `nothing thrown`. */
export function errorOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing thrown';
}

function bytes<T extends object>(request: T): never {
  const entries = Object.entries(request).map(([name, each]) =>
    ['key', 'rangeEnd', 'value'].includes(name) ? [name, b(each as string)] : [name, each],
  );
  return Object.fromEntries(entries) as never;
}
