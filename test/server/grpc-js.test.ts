import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prefixEnd, utf8, utf8Text } from '../../src/core/bytes.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import type { WatchRequest, WatchResponse } from '../../src/store/messages.js';
import { adminMethods } from '../../src/wire/admin-methods.js';
import { kvMethods, leaseMethods, type UnaryMethod, watchMethods } from '../../src/wire/methods.js';
import { eventually } from './support/wait.js';

describe('grpc-js as a client', () => {
  const runtime = new NodeRuntime();
  let server: Server;
  let client: Client;

  beforeEach(async () => {
    server = await startServer({ runtime, listen: { host: '127.0.0.1', port: 0 } });
    client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
    });
  });
  afterEach(async () => {
    client.close();
    await server.close();
  });

  function call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options: { deadline?: number } = {},
  ): Promise<Response> {
    const { request: writes, response: reads } = method;
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        method.path,
        (message: Request) => Buffer.from(writes.encode(message)),
        (bytes: Buffer) => reads.decode(bytes),
        request,
        new Metadata(),
        options,
        (error, response) => (error === null ? resolve(response as Response) : reject(error)),
      );
    });
  }

  function watch() {
    const { path, request: writes, response: reads } = watchMethods.watch;
    const stream = client.makeBidiStreamRequest(
      path,
      (message: WatchRequest) => Buffer.from(writes.encode(message)),
      (bytes: Buffer) => reads.decode(bytes),
      new Metadata(),
      {},
    );
    const ended = new Promise<ServiceError>((resolve) => stream.once('error', resolve));
    const next = () => new Promise<WatchResponse>((resolve) => stream.once('data', resolve));
    return { stream, ended, next };
  }

  it('has its calls answered, many at a time', async () => {
    const keys = Array.from({ length: 500 }, (_, i) => utf8(`k/${i}`));
    await Promise.all(keys.map((key) => call(kvMethods.put, { key, value: key })));
    const prefix = utf8('k/');
    const { count } = await call(kvMethods.range, { key: prefix, rangeEnd: prefixEnd(prefix), countOnly: true });
    expect(count).toBe(500n);
  });

  it.each([
    {
      error: 'of the engine',
      run: () => call(kvMethods.compact, { revision: 99n }),
      code: status.OUT_OF_RANGE,
      details: 'etcdserver: mvcc: required revision is a future revision',
    },
    {
      error: 'for a lease that is not there',
      run: () => call(leaseMethods.revoke, { id: 7n }),
      code: status.NOT_FOUND,
      details: 'etcdserver: requested lease not found',
    },
    {
      error: 'for a method that is not there',
      run: () => call({ ...kvMethods.put, path: '/etcdserverpb.Nothing/UserList' }, { key: utf8('k') }),
      code: status.UNIMPLEMENTED,
      details: 'unknown service etcdserverpb.Nothing',
    },
    {
      error: 'for a message that is too long',
      run: () => call(kvMethods.put, { key: utf8('k'), value: new Uint8Array(2_200_000) }),
      code: status.RESOURCE_EXHAUSTED,
      details: 'grpc: received message larger than max (2200008 vs. 2097152)',
    },
    {
      error: 'for an unknown health service',
      run: () => call(adminMethods.healthCheck, { service: 'nonsense' }),
      code: status.NOT_FOUND,
      details: 'unknown service',
    },
  ])('gets the error $error', async ({ run, code, details }) => {
    await expect(run()).rejects.toMatchObject({ code, details });
  });

  it('gets its health, status and members', async () => {
    expect(await call(adminMethods.healthCheck, { service: '' })).toEqual({ status: 1 });
    const { header, leader, version } = await call(adminMethods.status, {});
    expect(leader).toBe(header.memberId);
    expect(version).not.toBe('');
    const { members } = await call(adminMethods.memberList, { linearizable: true });
    expect(members).toEqual([
      { id: leader, name: 'conclave', peerUrls: [], clientUrls: [server.url], isLearner: false },
    ]);
    expect(await call(adminMethods.alarm, { action: 0, memberId: 0n, alarm: 0 })).toMatchObject({ alarms: [] });
  });

  it('gets an answer far larger than a flow-control window', async () => {
    const value = new Uint8Array(1_000_000).fill(7);
    for (let i = 0; i < 12; i++) await call(kvMethods.put, { key: utf8(`large/${i}`), value });
    const prefix = utf8('large/');
    const { kvs } = await call(kvMethods.range, { key: prefix, rangeEnd: prefixEnd(prefix) });
    expect(kvs.length).toBe(12);
    expect(Buffer.compare(kvs[11]?.value ?? new Uint8Array(0), value)).toBe(0);
  });

  it('watches, cancels, and leaves nothing', async () => {
    const { stream, next, ended } = watch();
    const created = next();
    stream.write({ type: 'create', request: { key: utf8('k') } });
    expect(await created).toMatchObject({ created: true, watchId: 0n });
    const event = next();
    await call(kvMethods.put, { key: utf8('k'), value: utf8('x') });
    expect(utf8Text((await event).events[0]?.kv.value ?? utf8(''))).toBe('x');
    stream.cancel();
    expect(await ended).toMatchObject({ code: status.CANCELLED });
    await eventually(() => server.host.stats().watchers === 0);
    await eventually(() => server.stats().calls === 0);
  });

  it('loses its watches with its connection', async () => {
    const { stream, next, ended } = watch();
    const created = next();
    stream.write({ type: 'create', request: { key: utf8('k') } });
    await created;
    void ended;
    client.close();
    stream.cancel();
    await eventually(() => server.stats().sessions === 0);
    expect(server.host.stats().watchers).toBe(0);
  });

  it('is told when the server stops, and finds the next one on the same port', async () => {
    const { stream, next, ended } = watch();
    const created = next();
    stream.write({ type: 'create', request: { key: utf8('k') } });
    await created;
    const [error] = await Promise.all([ended, server.close()]);
    expect(error).toMatchObject({ code: status.UNAVAILABLE, details: 'etcdserver: server stopped' });
    server = await startServer({ runtime, listen: { host: '127.0.0.1', port: server.port } });
    const deadline = Date.now() + 10_000;
    await new Promise<void>((resolve, reject) =>
      client.waitForReady(deadline, (failure) => (failure === undefined ? resolve() : reject(failure))),
    );
    expect((await call(kvMethods.put, { key: utf8('k') })).header.revision).toBe(2n);
  });
});
