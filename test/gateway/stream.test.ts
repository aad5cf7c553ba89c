import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import { eventually } from '../server/support/wait.js';
import { expectNoLeaks } from '../support/leaks.js';
import { base64, HttpStream, http } from './support/http-client.js';

describe('JSON gateway: streams', () => {
  expectNoLeaks();
  let server: Server;
  beforeEach(async () => {
    server = await startServer({
      runtime: new NodeRuntime(),
      listen: { host: '127.0.0.1', port: 0 },
      limits: { maxUnsentBytes: 4 * 1024 * 1024 },
    });
  });
  afterEach(() => server.close());
  const open = (path: string, headers?: Record<string, string>) => new HttpStream(`${server.url}${path}`, headers);

  it('watches: created, then events, a line each; the end of the body does not end it', async () => {
    const stream = open('/v3/watch');
    stream.send({ create_request: { key: base64('k'), prev_kv: true } });
    stream.halfClose();
    expect(await stream.next()).toMatchObject({ result: { header: { revision: '1' }, created: true } });
    server.host.put({ key: utf8('k'), value: utf8('1') });
    const kv = { key: base64('k'), create_revision: '2', mod_revision: '2', version: '1', value: base64('1') };
    expect(await stream.next()).toMatchObject({ result: { events: [{ kv }] } });
    server.host.deleteRange({ key: utf8('k') });
    const deleted = { type: 'DELETE', kv: { key: base64('k'), mod_revision: '3' }, prev_kv: kv };
    expect(await stream.next()).toMatchObject({ result: { events: [deleted] } });
    expect(stream.response?.headers).toMatchObject({
      'content-type': 'application/json',
      'transfer-encoding': 'chunked',
      'grpc-metadata-content-type': 'application/grpc',
    });
    stream.close();
    await eventually(() => server.host.stats().watchers === 0 && server.stats().sessions === 0);
  });

  // etcd-difference: gateway-websocket
  it('is no WebSocket: an upgrade is not made', async () => {
    const headers = {
      ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    expect((await http(`${server.url}/v3/watch`, { headers })).status).toBe(405);
  });

  it('takes several messages, together or in pieces', async () => {
    const stream = open('/v3/watch');
    const create = JSON.stringify({ create_request: { key: base64('{"') } });
    stream.send(create, '\n', create, create.slice(0, 20));
    expect(await stream.next()).toMatchObject({ result: { created: true } });
    expect(await stream.next()).toMatchObject({ result: { created: true, watch_id: '1' } });
    stream.send(create.slice(20), { cancel_request: { watch_id: 1 } }, { progress_request: {} });
    expect(await stream.next()).toMatchObject({ result: { created: true, watch_id: '2' } });
    expect(await stream.next()).toMatchObject({ result: { canceled: true, watch_id: '1' } });
    expect(await stream.next()).toMatchObject({ result: { watch_id: '-1' } });
    stream.close();
  });

  it('keeps leases alive: an answer for each object, then the end', async () => {
    server.host.leaseGrant({ id: 7n, ttl: 60n });
    const stream = open('/v3/lease/keepalive');
    stream.send({ ID: 7 }, { ID: '7' }, { ID: '8' });
    stream.halfClose();
    expect(await stream.next()).toMatchObject({ result: { ID: '7', TTL: '60' } });
    expect(await stream.next()).toMatchObject({ result: { ID: '7', TTL: '60' } });
    expect(await stream.next()).toEqual({ result: { header: expect.anything(), ID: '8' } });
    expect(await stream.next()).toBeUndefined();
  });

  it('a first message that is none is an error like any other', async () => {
    for (const body of ['[]', '{"create_request": 5}', 'nonsense', '{"create_request": {"key": "%"}}', '{']) {
      const answer = await http(`${server.url}/v3/watch`, { body });
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.text)).toMatchObject({
        code: 3,
        error: expect.any(String),
        message: expect.any(String),
      });
    }
    expect(server.host.stats().watchers).toBe(0);
  });

  it('a later message that is none ends the stream with an error line of both forms', async () => {
    const stream = open('/v3/watch');
    stream.send({ create_request: { key: base64('k') } });
    expect(await stream.next()).toMatchObject({ result: { created: true } });
    stream.send('"x"');
    const error = { code: 3, grpc_code: 3, http_code: 400, http_status: 'Bad Request', message: expect.any(String) };
    expect(await stream.next()).toEqual({ error: { ...error, details: [] } });
    expect(await stream.next()).toBeUndefined();
    expect(server.host.stats().watchers).toBe(0);
  });

  it('ends at its Grpc-Timeout', async () => {
    const stream = open('/v3/watch', { 'grpc-timeout': '50m' });
    stream.send({ create_request: { key: base64('k') } });
    expect(await stream.next()).toMatchObject({ result: { created: true } });
    expect(await stream.next()).toMatchObject({ error: { grpc_code: 4, http_code: 504 } });
    expect(await stream.next()).toBeUndefined();
    const bad = await http(`${server.url}/v3/watch`, { body: '{}', headers: { 'grpc-timeout': 'soon' } });
    expect(bad.status).toBe(400);
  });

  it('ends with UNAVAILABLE when the server does', async () => {
    const stream = open('/v3/watch');
    stream.send({ create_request: { key: base64('k') } });
    await stream.next();
    await server.close();
    expect(await stream.next()).toMatchObject({ error: { grpc_code: 14, message: 'etcdserver: server stopped' } });
    expect(await stream.next()).toBeUndefined();
  });

  it('a reader that rests makes its watch wait, and gets all of it when it goes on', async () => {
    const stream = open('/v3/watch');
    stream.send({ create_request: { key: base64('k') } });
    await stream.next();
    stream.response?.pause();
    const count = 10_000;
    const value = Buffer.alloc(2_000, 1);
    // 27 MB in base64: more than may wait for one reader.
    for (let i = 0; i < count; i++) server.host.put({ key: utf8('k'), value });
    stream.response?.resume();
    const revisions: string[] = [];
    while (revisions.length < count) {
      const { result } = (await stream.next()) as { result: { events?: { kv: { mod_revision: string } }[] } };
      for (const { kv } of result.events ?? []) revisions.push(kv.mod_revision);
    }
    expect(revisions).toEqual(Array.from({ length: count }, (_, i) => String(i + 2)));
    stream.close();
    await eventually(() => server.host.stats().watchers === 0);
  });
});
