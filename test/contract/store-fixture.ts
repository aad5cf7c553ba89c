import { afterEach, expect } from 'vitest';
import { type Bytes, prefixEnd, utf8, utf8Text } from '../../src/core/bytes.js';
import { ConclaveError, type ErrorCode } from '../../src/core/errors.js';
import type { KeyValue, PutRequest, RangeResponse, RequestOp } from '../../src/store/messages.js';
import type { Store } from '../../src/store/store.js';
import type { Backend, Opened, OpenOptions } from '../support/backends.js';

/** An opened store, with words for what the suites do all the time. Keys are given without the prefix. */
export interface Fixture extends Opened {
  key(name: string): Bytes;
  /** Puts in one txn each, in order; resolves with their revisions. */
  put(name: string, value?: string, request?: Partial<PutRequest>): Promise<bigint>;
  remove(name: string): Promise<bigint>;
  /** Everything below the prefix. */
  all(): Promise<RangeResponse>;
  /** A key range below the prefix. */
  within(): { key: Bytes; rangeEnd: Bytes };
}

/** Opens `backend` for one test; everything is closed after it. Call it once per suite, the result once per test. */
export function fixture(backend: Backend): (options?: OpenOptions) => Promise<Fixture> {
  const opened: Opened[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });
  return async (options) => {
    const one = await backend.open(options);
    opened.push(one);
    return extend(one);
  };
}

function extend(opened: Opened): Fixture {
  const { store, prefix } = opened;
  const key = (name: string) => utf8(prefix + name);
  const within = () => ({ key: utf8(prefix), rangeEnd: prefixEnd(utf8(prefix)) });
  const write = async (op: RequestOp) => (await store.txn({ success: [op] })).header.revision;
  return {
    ...opened,
    key,
    within,
    put: (name, value = '', request = {}) =>
      write({ type: 'put', request: { key: key(name), value: utf8(value), ...request } }),
    remove: (name) => write({ type: 'deleteRange', request: { key: key(name) } }),
    all: () => store.range(within()),
  };
}

/** The keys without the prefix. */
export function namesOf(fixture: Fixture, kvs: readonly KeyValue[]): string[] {
  return kvs.map((kv) => utf8Text(kv.key).slice(fixture.prefix.length));
}

/** `name=value` of each. */
export function pairsOf(fixture: Fixture, kvs: readonly KeyValue[]): string[] {
  return kvs.map((kv) => `${utf8Text(kv.key).slice(fixture.prefix.length)}=${utf8Text(kv.value)}`);
}

/** The call must fail with `code`, for sure not applied, and with etcd's own text if one is given. */
export async function expectRefusal(call: Promise<unknown>, code: ErrorCode, text?: string): Promise<void> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(ConclaveError.is(error), `${String(error)} is no ConclaveError`).toBe(true);
  expect(error).toMatchObject({ code, outcome: 'not-applied', retryable: false });
  if (text !== undefined) expect((error as ConclaveError).message).toContain(text);
}

/** A lease that is revoked with the test, if it still lives then. */
export async function grant(store: Store, ttlS = 60n): Promise<bigint> {
  return (await store.leaseGrant({ ttl: ttlS })).id;
}
