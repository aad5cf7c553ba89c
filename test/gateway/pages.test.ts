import { afterEach, describe, expect, it } from 'vitest';
import { version } from '../../src/core/version.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import { kvMethods } from '../../src/wire/methods.js';
import { RawClient } from '../server/support/raw-client.js';
import { base64, HttpStream, http, post } from './support/http-client.js';

const listen = { host: '127.0.0.1', port: 0 };

describe('pages', () => {
  let server: Server;
  const start = async (host?: EngineHost) => {
    server = await startServer({ runtime: new NodeRuntime(), listen, host });
  };
  const get = (path: string) => http(`${server.url}${path}`);
  afterEach(() => server.close());

  // etcd-difference: gateway-other-paths
  it('/health, /livez, /readyz and their parts', async () => {
    await start();
    for (const path of ['/health', '/health?serializable=true', '/health?exclude=NOSPACE']) {
      expect(await get(path)).toMatchObject({ status: 200, text: '{"health":"true","reason":""}' });
    }
    const parts = ['/readyz/data_corruption', '/readyz/serializable_read', '/readyz/linearizable_read'];
    for (const path of ['/livez', '/readyz', '/livez/serializable_read', ...parts, '/readyz/non_learner']) {
      expect(await get(path)).toMatchObject({ status: 200, text: 'ok\n' });
    }
    const verbose = await get('/readyz?verbose&exclude=non_learner');
    expect(verbose.text.split('\n')).toEqual([
      '[+]data_corruption ok',
      '[+]serializable_read ok',
      '[+]linearizable_read ok',
      '[+]non_learner excluded: ok',
      'ok',
      '',
    ]);
    expect((await get('/livez/linearizable_read')).status).toBe(404);
    expect((await http(`${server.url}/health`, { method: 'POST', body: '' })).status).toBe(405);
    expect((await get('/v2/keys')).status).toBe(404);
  });

  it('tell what is wrong with 503', async () => {
    const host = new EngineHost(new NodeRuntime());
    await start(host);
    host.close();
    const health = await get('/health');
    expect(health.status).toBe(503);
    expect(JSON.parse(health.text)).toEqual({ health: 'false', reason: expect.stringMatching(/^RANGE ERROR:./) });
    const ready = await get('/readyz');
    expect(ready.status).toBe(503);
    expect(ready.text).toMatch(
      /^\[\+\]data_corruption ok\n\[-\]serializable_read failed: .*\n[\s\S]*readyz check failed\n$/,
    );
  });

  it('/version tells what etcd is served', async () => {
    await start();
    expect(JSON.parse((await get('/version')).text)).toEqual({
      etcdserver: '3.5.30',
      etcdcluster: '3.5.0',
      conclave: version,
    });
  });

  it('/metrics counts what came by gRPC and by HTTP', async () => {
    await start();
    const client = await new RawClient(server.url).ready();
    await client.call(kvMethods.put.path, kvMethods.put.request.encode({ key: Buffer.from('a') }));
    await client.call(kvMethods.put.path, kvMethods.put.request.encode({ key: Buffer.from('') }));
    await post(server.url, '/v3/kv/put', { key: base64('b') });
    await post(server.url, '/v3/lease/grant', { TTL: 60 });
    const stream = new HttpStream(`${server.url}/v3/watch`);
    stream.send({ create_request: { key: base64('k') } });
    await stream.next();
    const metrics = parse((await get('/metrics')).text);
    const put = 'grpc_service="etcdserverpb.KV",grpc_method="Put",grpc_type="unary"';
    expect(metrics.get(`grpc_server_started_total{${put}}`)).toBe('3');
    expect(metrics.get(`grpc_server_handled_total{${put},grpc_code="OK"}`)).toBe('2');
    expect(metrics.get(`grpc_server_handled_total{${put},grpc_code="InvalidArgument"}`)).toBe('1');
    const watch = 'grpc_service="etcdserverpb.Watch",grpc_method="Watch",grpc_type="bidi_stream"';
    expect(metrics.get(`grpc_server_started_total{${watch}}`)).toBe('1');
    expect(metrics.get(`grpc_server_handled_total{${watch},grpc_code="Canceled"}`)).toBeUndefined();
    expect(metrics.get('etcd_server_version{server_version="3.5.30"}')).toBe('1');
    const single = ['etcd_server_has_leader', 'etcd_server_is_leader', 'conclave_leases'];
    for (const name of [...single, 'etcd_debugging_mvcc_watcher_total']) expect(metrics.get(name)).toBe('1');
    expect(metrics.get('etcd_debugging_mvcc_keys_total')).toBe('2');
    expect(metrics.get('etcd_debugging_mvcc_current_revision')).toBe('3');
    expect(metrics.get('conclave_connections')).toBe('3');
    stream.close();
    await client.close();
  });
});

/** Samples by name and labels; throws for a line that Prometheus' text format does not have. */
function parse(text: string): ReadonlyMap<string, string> {
  const samples = new Map<string, string>();
  const types = new Map<string, string>();
  for (const line of text.trimEnd().split('\n')) {
    const type = /^# TYPE ([a-z_]+) (counter|gauge)$/.exec(line);
    if (type !== null) types.set(type[1] as string, type[2] as string);
    else if (!/^# HELP [a-z_]+ \S.*\.$/.test(line)) {
      const sample = /^(([a-z_]+)(?:\{(?:[a-z_]+="[^"\\]*",?)+\})?) (-?\d+)$/.exec(line);
      if (sample === null || !types.has(sample[2] as string)) throw new Error(`no metric: ${line}`);
      samples.set(sample[1] as string, sample[3] as string);
    }
  }
  return samples;
}
