import { X509Certificate } from 'node:crypto';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { describe, expect, it, vi } from 'vitest';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { utf8 } from '../../src/core/bytes.js';
import { Scope } from '../../src/core/scope.js';
import { connect } from '../../src/index.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { readTlsFiles } from '../../src/server/net/tls-files.js';
import { startUpstreamServer } from '../../src/server/upstream/upstream-server.js';
import { maintenanceMethods } from '../../src/wire/admin-methods.js';
import { base64, HttpStream, http, post } from '../gateway/support/http-client.js';
import { makeCertificates } from '../support/certificates.js';
import { freePorts } from '../support/etcd/free-ports.js';
import { describeEtcd, startEtcd } from '../support/etcd.js';
import { startGrpcPeer } from '../support/grpc-peer.js';
import { header } from '../support/scripted-service.js';
import { inFrontOf } from './support/upstream.js';

vi.setConfig({ testTimeout: 60_000 });

const runtime = new NodeRuntime();
const listen = { host: '127.0.0.1', port: 0 };

describeEtcd('conclave serve --upstream by HTTP', ({ url: etcd }) => {
  const within = async (work: (url: string, scope: Scope) => Promise<void>) => {
    const scope = new Scope();
    try {
      await work(await inFrontOf(scope, etcd), scope);
    } finally {
      await scope.close();
    }
  };

  it('the JSON gateway answers for the cluster: calls, errors, streams', () =>
    within(async (url) => {
      const key = base64('upstream/http');
      const put = await post(url, '/v3/kv/put', { key, value: base64('1') });
      const direct = await post(etcd, '/v3/kv/range', { key });
      expect(put).toMatchObject({ status: 200 });
      expect((await post(url, '/v3/kv/range', { key })).json).toEqual(direct.json);
      expect(await post(url, '/v3/kv/range', {})).toMatchObject({
        status: 400,
        json: { code: 3, error: 'etcdserver: key is not provided', message: 'etcdserver: key is not provided' },
      });
      const watch = new HttpStream(`${url}/v3/watch`);
      watch.send({ create_request: { key } });
      expect(await watch.next()).toMatchObject({ result: { created: true } });
      await post(etcd, '/v3/kv/put', { key, value: base64('2') });
      expect(await watch.next()).toMatchObject({ result: { events: [{ kv: { value: base64('2') } }] } });
      watch.close();
      const { json } = await post(url, '/v3/lease/grant', { TTL: 60 });
      const { ID } = json as { ID: string };
      const beats = new HttpStream(`${url}/v3/lease/keepalive`);
      beats.send({ ID }, { ID });
      beats.halfClose();
      for (let i = 0; i < 2; i++) expect(await beats.next()).toMatchObject({ result: { ID, TTL: '60' } });
      expect(await beats.next()).toBeUndefined();
      await post(url, '/v3/lease/revoke', { ID });
      await post(url, '/v3/kv/deleterange', { key });
    }));

  it('Lock and Election of the gateway are those of gRPC', () =>
    within(async (url) => {
      const { json } = await post(url, '/v3/lock/lock', { name: base64('upstream/lock') });
      const { key } = json as { key: string };
      expect(await post(url, '/v3/lock/unlock', { key })).toMatchObject({ status: 200 });
      expect(await post(url, '/v3/election/leader', { name: base64('upstream/none') })).toMatchObject({
        status: 500,
        json: { code: 2, message: 'election: no leader' },
      });
    }));

  it('/health, /readyz and /version are those of the cluster, /metrics tells what goes through', () =>
    within(async (url, scope) => {
      expect((await http(`${url}/health`)).text).toBe('{"health":"true","reason":""}');
      expect((await http(`${url}/readyz`)).text).toBe('ok\n');
      expect(JSON.parse((await http(`${url}/version`)).text)).toMatchObject(
        JSON.parse((await http(`${etcd}/version`)).text),
      );
      const conclave = await connect(url);
      scope.add(() => conclave.close());
      await conclave.get('upstream/none');
      await post(url, '/v3/kv/range', { key: base64('k') });
      const { text } = await http(`${url}/metrics`);
      expect(text).toMatch(/^etcd_server_has_leader 1$/m);
      const range = 'grpc_service="etcdserverpb.KV",grpc_method="Range",grpc_type="unary"';
      expect(text).toMatch(new RegExp(`^grpc_server_handled_total\\{${range},grpc_code="OK"\\} [2-9]`, 'm'));
      expect(text).not.toContain('etcd_debugging_mvcc_keys_total');
    }));

  it('foreign pages are turned away here too', () =>
    within(async (url) => {
      expect((await http(`${url}/health`, { headers: { host: 'evil.example' } })).status).toBe(421);
      const headers = { origin: 'https://evil.example' };
      expect((await http(`${url}/v3/kv/range`, { method: 'POST', body: '{}', headers })).status).toBe(403);
    }));

  it('TLS towards clients: gRPC, locks and the gateway on one port', async () => {
    using certificates = makeCertificates();
    const scope = new Scope();
    const tls = readTlsFiles({ certFile: certificates.file('server.crt'), keyFile: certificates.file('server.key') });
    const channels = [new H2Channel({ address: new URL(etcd).host })];
    const server = await startUpstreamServer({ runtime, listen, upstream: [etcd], channels, tls });
    scope.add(() => server.close());
    const ca = certificates.text('ca.crt');
    const conclave = await connect(server.url, { tls: { ca } });
    scope.add(() => conclave.close());
    expect(await conclave.withLock('/upstream/tls', ({ fence }) => fence > 0n)).toBe(true);
    expect((await http(`${server.url}/health`, { tls: { ca } })).status).toBe(200);
    await scope.close();
  });
});

describeEtcd('conclave serve --upstream in front of an etcd behind TLS', () => {
  it('goes with the authority and the certificate that it is given', async () => {
    using certificates = makeCertificates();
    const scope = new Scope();
    const file = (name: Parameters<typeof certificates.file>[0]) => certificates.file(name);
    const [port] = await freePorts(1);
    const url = `https://127.0.0.1:${port}`;
    const etcd = await startEtcd({
      args: (plain) => [
        ...['--listen-client-urls', `${plain},${url}`],
        ...['--cert-file', file('server.crt'), '--key-file', file('server.key')],
        ...['--trusted-ca-file', file('ca.crt'), '--client-cert-auth'],
      ],
    });
    scope.add(() => etcd.stop());
    const [ca, cert, key] = (['ca.crt', 'client.crt', 'client.key'] as const).map((name) =>
      certificates.text(name),
    ) as [string, string, string];
    expect(new X509Certificate(cert).subject).toBe('CN=client');
    const channels = [new H2Channel({ address: new URL(url).host, tls: { ca, cert, key } })];
    const upstream = { upstream: [url], upstreamTls: { ca, cert, key }, channels };
    const server = await startUpstreamServer({ runtime, listen, ...upstream });
    scope.add(() => server.close());
    const conclave = await connect(server.url);
    scope.add(() => conclave.close());
    await conclave.put('k', 'v');
    expect(await conclave.withLock('l', ({ fence }) => fence > 0n)).toBe(true);
    expect(await post(server.url, '/v3/kv/range', { key: base64('k') })).toMatchObject({ json: { count: '1' } });
    expect((await http(`${server.url}/health`)).status).toBe(200);
    await scope.close();
  });
});

describe('conclave serve --upstream in front of a cluster whose gRPC waits for the end of a request, by HTTP', () => {
  it('the JSON gateway hands a snapshot on', async () => {
    const method = maintenanceMethods.snapshot;
    const answer = Buffer.from(
      method.response.encode({ header: header(1n), remainingBytes: 0n, blob: utf8('all'), version: '' }),
    );
    // As grpc-go does it since #8385, and with it etcd 3.5.30 of Debian.
    const play = (stream: ServerDuplexStream<Buffer, Buffer>) => {
      stream.resume().on('end', () => {
        stream.write(answer);
        stream.end();
      });
    };
    await using peer = await startGrpcPeer({ duplex: [{ method, open: play }] });
    const scope = new Scope();
    const snapshot = new HttpStream(`${await inFrontOf(scope, peer.url)}/v3/maintenance/snapshot`);
    snapshot.send({});
    snapshot.halfClose();
    expect(await snapshot.next()).toMatchObject({ result: { blob: base64('all') } });
    expect(await snapshot.next()).toBeUndefined();
    await scope.close();
  });
});

describe('conclave serve --upstream in front of nothing, by HTTP', () => {
  it('is not well, and says so', async () => {
    const scope = new Scope();
    const url = await inFrontOf(scope, 'http://127.0.0.1:1');
    expect(await http(`${url}/health`)).toMatchObject({ status: 503, text: expect.stringContaining('RANGE ERROR') });
    expect((await http(`${url}/version`)).status).toBe(503);
    expect((await http(`${url}/metrics`)).status).toBe(200);
    expect(await post(url, '/v3/kv/range', { key: base64('k') })).toMatchObject({ status: 503, json: { code: 14 } });
    await scope.close();
  });
});
