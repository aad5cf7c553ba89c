import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { utf8 } from '../../src/core/bytes.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import { BatchingStore } from '../../src/store/batch/batching-store.js';
import { createdAt, get, put } from '../../src/store/ops.js';
import type { Store } from '../../src/store/store.js';
import { RpcStore } from '../../src/wire/rpc-store.js';
import { expectNoLeaks } from '../support/leaks.js';

/** `half` fits into an answer once. */
const limits = { maxAnswerBytes: 1_000 };
const half = 'v'.repeat(600);
const unknown = { code: 'RESOURCE_EXHAUSTED', outcome: 'unknown' };

describe('an answer that is larger than the server sends', () => {
  expectNoLeaks();
  let server: Server;
  let store: Store;
  beforeEach(async () => {
    const runtime = new NodeRuntime();
    server = await startServer({ runtime, listen: { host: '127.0.0.1', port: 0 }, limits });
    const channel = new H2Channel({ address: `127.0.0.1:${server.port}` });
    store = new BatchingStore(new RpcStore({ channels: [channel], runtime }), { runtime });
    await store.txn({ success: [put('half', half)] });
  });
  afterEach(async () => {
    await store.close();
    await server.close();
  });

  it('says nothing of whether the request was applied', async () => {
    await expect(store.txn({ success: [put('k', ''), get('half'), get('half')] })).rejects.toMatchObject(unknown);
    expect((await store.range({ key: utf8('k') })).count).toBe(1n);
  });

  it('makes nobody send what is applied again, though he would be answered alone', async () => {
    const make = (key: string) => store.txn({ compare: [createdAt(key, 0n)], success: [put(key, ''), get('half')] });
    const made = await Promise.allSettled([make('x/a'), make('y/b')]);
    expect(made).toMatchObject([{ reason: unknown }, { reason: unknown }]);
  });

  it('lets reads go again one by one', async () => {
    const read = () => store.range({ key: utf8('half') });
    expect((await Promise.all([read(), read()])).map(({ count }) => count)).toEqual([1n, 1n]);
  });
});
