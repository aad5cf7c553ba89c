import fc from 'fast-check';
import type {
  Compare,
  DeleteRangeRequest,
  Event,
  KeyValue,
  PutRequest,
  RangeRequest,
  RequestOp,
  ResponseHeader,
  ResponseOp,
  TxnRequest,
  TxnResponse,
  WatchCreateRequest,
  WatchRequest,
  WatchResponse,
} from '../../src/store/messages.js';

/** Random messages, each field absent, at an edge or anywhere in its range. */

const edges = [
  0n,
  1n,
  -1n,
  127n,
  128n,
  2n ** 32n,
  2n ** 49n - 1n,
  2n ** 49n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
];
export const int64 = fc.oneof(
  fc.constantFrom(...edges, 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
export const uint64 = fc.oneof(
  fc.constantFrom(...edges.filter((each) => each >= 0n), 2n ** 63n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
export const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.constantFrom(new Uint8Array(0), new Uint8Array(127).fill(7), new Uint8Array(128).fill(8), new Uint8Array(20_000)),
);
const flag = fc.boolean();
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

export const header: fc.Arbitrary<ResponseHeader> = fc.record({
  clusterId: uint64,
  memberId: uint64,
  revision: int64,
  raftTerm: uint64,
});

export const keyValue: fc.Arbitrary<KeyValue> = fc.record({
  key: bytes,
  createRevision: int64,
  modRevision: int64,
  version: int64,
  value: bytes,
  lease: int64,
});

export const rangeRequest: fc.Arbitrary<RangeRequest> = fc.record({
  key: bytes,
  rangeEnd: maybe(bytes),
  limit: maybe(int64),
  revision: maybe(int64),
  sortOrder: maybe(fc.nat(2)),
  sortTarget: maybe(fc.nat(4)),
  serializable: maybe(flag),
  keysOnly: maybe(flag),
  countOnly: maybe(flag),
  minModRevision: maybe(int64),
  maxModRevision: maybe(int64),
  minCreateRevision: maybe(int64),
  maxCreateRevision: maybe(int64),
});

export const rangeResponse = fc.record({ header, kvs: fc.array(keyValue, { maxLength: 4 }), more: flag, count: int64 });

export const putRequest: fc.Arbitrary<PutRequest> = fc.record({
  key: bytes,
  value: maybe(bytes),
  lease: maybe(int64),
  prevKv: maybe(flag),
  ignoreValue: maybe(flag),
  ignoreLease: maybe(flag),
});

export const putResponse = fc.record({ header, prevKv: maybe(keyValue) });

export const deleteRangeRequest: fc.Arbitrary<DeleteRangeRequest> = fc.record({
  key: bytes,
  rangeEnd: maybe(bytes),
  prevKv: maybe(flag),
});

export const deleteRangeResponse = fc.record({ header, deleted: int64, prevKvs: fc.array(keyValue, { maxLength: 3 }) });

const operand: fc.Arbitrary<Partial<Compare>> = fc.oneof(
  fc.constant({}),
  fc.record({ version: int64 }),
  fc.record({ createRevision: int64 }),
  fc.record({ modRevision: int64 }),
  fc.record({ value: bytes }),
  fc.record({ lease: int64 }),
);

export const compare: fc.Arbitrary<Compare> = fc
  .record({ result: maybe(fc.nat(3)), target: maybe(fc.nat(4)), key: bytes, rangeEnd: maybe(bytes) })
  .chain((fields) => operand.map((given) => ({ ...fields, ...given })));

export const txnRequest: fc.Arbitrary<TxnRequest> = fc.letrec<{ txn: TxnRequest; op: RequestOp }>((tie) => ({
  txn: fc.record({
    compare: maybe(fc.array(compare, { maxLength: 2 })),
    success: maybe(fc.array(tie('op'), { maxLength: 3 })),
    failure: maybe(fc.array(tie('op'), { maxLength: 2 })),
  }),
  op: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constant<RequestOp>({ type: 'none' }),
    putRequest.map((request): RequestOp => ({ type: 'put', request })),
    rangeRequest.map((request): RequestOp => ({ type: 'range', request })),
    deleteRangeRequest.map((request): RequestOp => ({ type: 'deleteRange', request })),
    tie('txn').map((request): RequestOp => ({ type: 'txn', request })),
  ),
})).txn;

export const txnResponse: fc.Arbitrary<TxnResponse> = fc.letrec<{ txn: TxnResponse; op: ResponseOp }>((tie) => ({
  txn: fc.record({ header, succeeded: flag, responses: fc.array(tie('op'), { maxLength: 3 }) }),
  op: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constant<ResponseOp>({ type: 'none' }),
    putResponse.map((response): ResponseOp => ({ type: 'put', response })),
    rangeResponse.map((response): ResponseOp => ({ type: 'range', response })),
    deleteRangeResponse.map((response): ResponseOp => ({ type: 'deleteRange', response })),
    tie('txn').map((response): ResponseOp => ({ type: 'txn', response })),
  ),
})).txn;

export const compactionRequest = fc.record({ revision: maybe(int64), physical: maybe(flag) });
export const headerOnly = fc.record({ header });

const watchCreate: fc.Arbitrary<WatchCreateRequest> = fc.record({
  key: bytes,
  rangeEnd: maybe(bytes),
  startRevision: maybe(int64),
  progressNotify: maybe(flag),
  filters: maybe(fc.array(fc.nat(1), { maxLength: 3 })),
  prevKv: maybe(flag),
  watchId: maybe(int64),
  fragment: maybe(flag),
});

export const watchRequest: fc.Arbitrary<WatchRequest> = fc.oneof(
  watchCreate.map((request): WatchRequest => ({ type: 'create', request })),
  int64.map((watchId): WatchRequest => ({ type: 'cancel', watchId })),
  fc.constant<WatchRequest>({ type: 'progress' }),
  fc.constant<WatchRequest>({ type: 'none' }),
);

const event: fc.Arbitrary<Event> = fc.record({ type: fc.nat(1), kv: keyValue, prevKv: maybe(keyValue) });

export const watchResponse: fc.Arbitrary<WatchResponse> = fc.record({
  header,
  watchId: int64,
  created: flag,
  canceled: flag,
  compactRevision: int64,
  cancelReason: fc.string({ unit: 'grapheme' }),
  fragment: flag,
  events: fc.array(event, { maxLength: 4 }),
});

export const lease = {
  grantRequest: fc.record({ ttl: maybe(int64), id: maybe(int64) }),
  grantResponse: fc.record({ header, id: int64, ttl: int64, error: fc.string() }),
  idRequest: fc.record({ id: maybe(int64) }),
  keepAliveResponse: fc.record({ header, id: int64, ttl: int64 }),
  timeToLiveRequest: fc.record({ id: maybe(int64), keys: maybe(flag) }),
  timeToLiveResponse: fc.record({
    header,
    id: int64,
    ttl: int64,
    grantedTtl: int64,
    keys: fc.array(bytes, { maxLength: 3 }),
  }),
  leasesRequest: fc.constant({}),
  leasesResponse: fc.record({ header, leases: fc.array(fc.record({ id: int64 }), { maxLength: 4 }) }),
};

export const authenticateRequest = fc.record({ name: fc.string(), password: fc.string({ unit: 'grapheme' }) });
export const authenticateResponse = fc.record({ header, token: fc.string() });
