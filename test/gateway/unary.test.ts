import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import { expectNoLeaks } from '../support/leaks.js';
import { base64, http, post } from './support/http-client.js';

describe('JSON gateway: calls of one answer', () => {
  let server: Server;
  beforeAll(async () => {
    server = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
  });
  afterAll(() => server.close());
  const call = (path: string, body: unknown) => post(server.url, path, body);

  it('puts and reads, with proto names, int64 as text, bytes in base64 and zeros left out', async () => {
    const put = await call('/v3/kv/put', { key: base64('a'), value: base64('1') });
    expect(put).toEqual({ status: 200, json: { header: header('2') } });
    const { json } = await call('/v3/kv/range', { key: base64('a') });
    const kv = { key: base64('a'), create_revision: '2', mod_revision: '2', version: '1', value: base64('1') };
    expect(json).toEqual({ header: header('2'), kvs: [kv], count: '1' });
  });

  it('takes lowerCamel, numbers as numbers and URL-safe base64; leaves out what it does not know', async () => {
    const key = Buffer.from([0xfb, 0xff]).toString('base64url');
    const body = { key, value: 'MQ', prevKv: true, prev_kv: null, lease: 0, unknown: { a: [1] }, __proto__: 'x' };
    expect((await call('/v3/kv/put', body)).status).toBe(200);
    const range = { key, rangeEnd: 'AA', limit: 1.0, sortOrder: 'DESCEND', sort_target: 1, maxModRevision: '9e15' };
    expect(await call('/v3/kv/range', range)).toMatchObject({ status: 200, json: { count: '1' } });
    expect(await call('/v3/kv/range', { key, sort_order: 'SIDEWAYS' })).toMatchObject({ status: 200 });
  });

  it('takes an empty body for {}, and /v3beta for /v3', async () => {
    const answer = await http(`${server.url}/v3beta/lease/leases`, { method: 'POST' });
    expect(JSON.parse(answer.text)).toMatchObject({ header: { revision: expect.stringMatching(/\d+/) } });
    expect(await http(`${server.url}/v3alpha/kv/range`, { method: 'POST', body: '{}' })).toMatchObject({ status: 404 });
  });

  it.each([
    ['/v3/kv/put', {}, 400, 3, 'etcdserver: key is not provided'],
    ['/v3/lease/revoke', { ID: '77' }, 404, 5, 'etcdserver: requested lease not found'],
    ['/v3/kv/range', { key: 'YQ==', revision: '99' }, 400, 11, expect.stringContaining('future revision')],
    ['/v3/kv/put', { key: 'YQ==', lease: '5' }, 404, 5, 'etcdserver: requested lease not found'],
    ['/v3/kv/put', { key: '%' }, 400, 3, 'invalid JSON: bad base64'],
    ['/v3/nothing', {}, 404, 5, 'Not Found'],
    ['/v3/cluster/member/promote', {}, 404, 5, 'etcdserver: member not found'],
  ])('%s %j: HTTP %i, code %i', async (path, body, status, code, text) => {
    // etcd-difference: gateway-error-keys
    expect(await call(path, body)).toEqual({ status, json: { error: text, message: text, code } });
  });

  it('takes POST alone; OPTIONS gives nothing away', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'HEAD', 'PATCH']) {
      expect(await http(`${server.url}/v3/kv/range`, { method })).toMatchObject({ status: 405 });
    }
    const options = await http(`${server.url}/v3/kv/range`, { method: 'OPTIONS' });
    expect(options).toMatchObject({ status: 200, text: '' });
    expect(Object.keys(options.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('refuses more than the receive limit, told by its length or not', async () => {
    const value = base64('x'.repeat(2 * 1024 * 1024));
    expect(await call('/v3/kv/put', { key: 'YQ==', value })).toMatchObject({ status: 429, json: { code: 8 } });
    const large = await http(`${server.url}/v3/kv/put`, { body: Buffer.alloc(4 * 1024 * 1024, ' ') });
    expect(large.status).toBe(429);
    const mid = await call('/v3/kv/put', { key: 'YQ==', value: base64('x'.repeat(1_600_000)) });
    expect(mid.json).toMatchObject({ code: 3, message: 'etcdserver: request is too large' });
  });

  it('keeps integers of 64 bits exact', async () => {
    const body = '{"TTL": 60, "ID": 9223372036854775807}';
    const granted = await http(`${server.url}/v3/lease/grant`, { body });
    expect(JSON.parse(granted.text)).toMatchObject({ ID: '9223372036854775807', TTL: '60' });
    expect(await call('/v3/lease/revoke', { ID: '9223372036854775807' })).toMatchObject({ status: 200 });
    expect(await call('/v3/lease/grant', { ID: '9223372036854775808' })).toMatchObject({ status: 400 });
  });

  it('takes several requests on one connection', async () => {
    const { Agent, request } = await import('node:http');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number>();
    for (let i = 0; i < 3; i++) {
      await new Promise<void>((resolve, reject) => {
        const sent = request(`${server.url}/v3/kv/range`, { method: 'POST', agent }, (response) => {
          ports.add(response.socket.localPort ?? 0);
          response.resume().on('end', resolve);
        });
        sent.on('error', reject).end('{"key":"YQ=="}');
      });
    }
    expect(ports.size).toBe(1);
    agent.destroy();
  });
});

describe('JSON gateway on a server of its own', () => {
  expectNoLeaks();

  it('ends with its server', async () => {
    const server = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
    expect((await post(server.url, '/v3/kv/range', { key: 'YQ==' })).status).toBe(200);
    await server.close();
  });
});

function header(revision: string) {
  const id = expect.stringMatching(/^\d+$/);
  return { cluster_id: id, member_id: id, revision, raft_term: expect.stringMatching(/^\d+$/) };
}
