import type { Bytes } from '../core/bytes.js';

/**
 * etcd's v3 messages as plain data: one set of types for the store port, the engine and the wire.
 * Requests leave out what is zero; responses are complete. Every int64 is a bigint. Names are etcd's in camelCase
 * (`ID` is `id`, `TTL` is `ttl`), enums are etcd's numbers, so that a value the peer invents can be represented and
 * refused.
 */

export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: bigint;
  readonly raftTerm: bigint;
}

/** As a store answers it, `key` and `value` are Buffers: `value.toString()` is the text. */
export interface KeyValue {
  readonly key: Bytes;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  readonly version: bigint;
  readonly value: Bytes;
  /** Id of the lease the key hangs on, or 0. */
  readonly lease: bigint;
}

export const SortOrder = { none: 0, ascend: 1, descend: 2 } as const;
export const SortTarget = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;

export interface RangeRequest {
  readonly key: Bytes;
  /** Exclusive. Absent or empty: only `key`. `"\0"`: every key from `key` on. */
  readonly rangeEnd?: Bytes | undefined;
  readonly limit?: bigint | undefined;
  readonly revision?: bigint | undefined;
  readonly sortOrder?: number | undefined;
  readonly sortTarget?: number | undefined;
  readonly serializable?: boolean | undefined;
  readonly keysOnly?: boolean | undefined;
  readonly countOnly?: boolean | undefined;
  readonly minModRevision?: bigint | undefined;
  readonly maxModRevision?: bigint | undefined;
  readonly minCreateRevision?: bigint | undefined;
  readonly maxCreateRevision?: bigint | undefined;
}

export interface RangeResponse {
  readonly header: ResponseHeader;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: bigint;
}

export interface PutRequest {
  readonly key: Bytes;
  readonly value?: Bytes | undefined;
  readonly lease?: bigint | undefined;
  readonly prevKv?: boolean | undefined;
  readonly ignoreValue?: boolean | undefined;
  readonly ignoreLease?: boolean | undefined;
}

export interface PutResponse {
  readonly header: ResponseHeader;
  readonly prevKv: KeyValue | undefined;
}

export interface DeleteRangeRequest {
  readonly key: Bytes;
  readonly rangeEnd?: Bytes | undefined;
  readonly prevKv?: boolean | undefined;
}

export interface DeleteRangeResponse {
  readonly header: ResponseHeader;
  readonly deleted: bigint;
  readonly prevKvs: readonly KeyValue[];
}

export const CompareResult = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
export const CompareTarget = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;

/** `target` decides which of the operands counts; the others are ignored, an absent one is zero or empty. */
export interface Compare {
  readonly result?: number | undefined;
  readonly target?: number | undefined;
  readonly key: Bytes;
  readonly rangeEnd?: Bytes | undefined;
  readonly version?: bigint | undefined;
  readonly createRevision?: bigint | undefined;
  readonly modRevision?: bigint | undefined;
  readonly value?: Bytes | undefined;
  readonly lease?: bigint | undefined;
}

/** `none` is an operation with nothing in it: it can come over the wire and is refused. */
export type RequestOp =
  | { readonly type: 'range'; readonly request: RangeRequest }
  | { readonly type: 'put'; readonly request: PutRequest }
  | { readonly type: 'deleteRange'; readonly request: DeleteRangeRequest }
  | { readonly type: 'txn'; readonly request: TxnRequest }
  | { readonly type: 'none' };

/** Inside a txn the headers carry a revision only, and a nested txn's header is empty (protocol.md section 0). */
export type ResponseOp =
  | { readonly type: 'range'; readonly response: RangeResponse }
  | { readonly type: 'put'; readonly response: PutResponse }
  | { readonly type: 'deleteRange'; readonly response: DeleteRangeResponse }
  | { readonly type: 'txn'; readonly response: TxnResponse }
  | { readonly type: 'none' };

export interface TxnRequest {
  readonly compare?: readonly Compare[] | undefined;
  readonly success?: readonly RequestOp[] | undefined;
  readonly failure?: readonly RequestOp[] | undefined;
}

export interface TxnResponse {
  readonly header: ResponseHeader;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

export interface CompactionRequest {
  readonly revision?: bigint | undefined;
  readonly physical?: boolean | undefined;
}

export interface CompactionResponse {
  readonly header: ResponseHeader;
}

export const EventType = { put: 0, delete: 1 } as const;
export const WatchFilter = { noPut: 0, noDelete: 1 } as const;

export interface Event {
  readonly type: number;
  /** For a delete only `key` and `modRevision` are set. */
  readonly kv: KeyValue;
  readonly prevKv: KeyValue | undefined;
}

export interface WatchCreateRequest {
  readonly key: Bytes;
  readonly rangeEnd?: Bytes | undefined;
  /** Absent or 0: from the next revision on. */
  readonly startRevision?: bigint | undefined;
  readonly progressNotify?: boolean | undefined;
  readonly filters?: readonly number[] | undefined;
  readonly prevKv?: boolean | undefined;
  readonly watchId?: bigint | undefined;
  readonly fragment?: boolean | undefined;
}

/** `none` can come over the wire and is ignored, as etcd does. */
export type WatchRequest =
  | { readonly type: 'create'; readonly request: WatchCreateRequest }
  | { readonly type: 'cancel'; readonly watchId: bigint }
  | { readonly type: 'progress' }
  | { readonly type: 'none' };

export interface WatchResponse {
  readonly header: ResponseHeader;
  readonly watchId: bigint;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: bigint;
  readonly cancelReason: string;
  readonly fragment: boolean;
  readonly events: readonly Event[];
}

export interface LeaseGrantRequest {
  /** Seconds. */
  readonly ttl?: bigint | undefined;
  /** Absent or 0: the server picks one. */
  readonly id?: bigint | undefined;
}

export interface LeaseGrantResponse {
  readonly header: ResponseHeader;
  readonly id: bigint;
  /** Seconds; may be more than asked for. */
  readonly ttl: bigint;
  readonly error: string;
}

export interface LeaseRevokeRequest {
  readonly id?: bigint | undefined;
}

export interface LeaseRevokeResponse {
  readonly header: ResponseHeader;
}

export interface LeaseKeepAliveRequest {
  readonly id?: bigint | undefined;
}

export interface LeaseKeepAliveResponse {
  readonly header: ResponseHeader;
  readonly id: bigint;
  /** Seconds; 0: there is no such lease any more. */
  readonly ttl: bigint;
}

export interface LeaseTimeToLiveRequest {
  readonly id?: bigint | undefined;
  readonly keys?: boolean | undefined;
}

export interface LeaseTimeToLiveResponse {
  readonly header: ResponseHeader;
  readonly id: bigint;
  /** Whole seconds left, rounded down; -1: there is no such lease. */
  readonly ttl: bigint;
  readonly grantedTtl: bigint;
  readonly keys: readonly Bytes[];
}

export type LeaseLeasesRequest = Record<never, never>;

export interface LeaseLeasesResponse {
  readonly header: ResponseHeader;
  readonly leases: readonly { readonly id: bigint }[];
}
