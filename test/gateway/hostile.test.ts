import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import { base64, http, RawHttp } from './support/http-client.js';

/** What browsers can be made to send by a page of somebody else, and names that DNS can bend. `PORT` is ours. */
const foreignHosts = [
  'evil.example',
  'evil.example:PORT',
  'localhost.evil.example:PORT',
  'evil-localhost:PORT',
  '127.0.0.1.evil.example:PORT',
  '127.evil.example:PORT',
  'localhost.:PORT',
  '0.0.0.0:PORT',
  '[::]:PORT',
  '10.0.0.1:PORT',
  '192.168.1.1',
  '169.254.169.254',
  '2130706433:PORT',
  '0x7f000001:PORT',
  '127.1:PORT',
  'localhost@evil.example:PORT',
  'evil.example/localhost:PORT',
  'localhost:PORT:PORT',
  'localhost:PORT, evil.example',
];

const foreignOrigins: readonly Readonly<Record<string, string>>[] = [
  { origin: 'https://evil.example' },
  { origin: 'http://evil.example' },
  { origin: 'null' },
  { origin: '' },
  { origin: 'file://' },
  { origin: 'http://localhost' },
  { origin: 'http://localhost:3000' },
  { origin: 'https://localhost:PORT' },
  { origin: 'http://127.0.0.1:PORT1' },
  { origin: 'http://localhost:PORT.evil.example' },
  { origin: 'http://localhost:PORT@evil.example' },
  { origin: 'http://localhost:PORT/' },
  { origin: 'chrome-extension://abcdef' },
  { origin: 'http://[::1]:PORT' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { 'sec-fetch-site': 'nonsense' },
  { origin: 'http://localhost:PORT', 'sec-fetch-site': 'cross-site' },
  { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
  { referer: 'https://evil.example/page' },
  { referer: 'http://localhost:PORT.evil.example/' },
  { origin: 'https://evil.example', 'content-type': 'text/plain' },
  { origin: 'https://evil.example', 'content-type': 'multipart/form-data; boundary=x' },
  { origin: 'null', 'content-type': 'application/x-www-form-urlencoded' },
];

describe('foreign Host and Origin', () => {
  let server: Server;
  beforeAll(async () => {
    const listen = { host: '127.0.0.1', port: 0 };
    server = await startServer({ runtime: new NodeRuntime(), listen, allowedHosts: ['Etcd.Example.org'] });
  });
  afterAll(() => server.close());
  const here = (text: string) => text.replaceAll('PORT', String(server.port));
  const body = JSON.stringify({ key: base64('hostile') });
  const send = (headers: Readonly<Record<string, string>>, path = '/v3/kv/put', method = 'POST') => {
    const entries = Object.entries({ host: 'localhost:PORT', ...headers }).map(([name, value]) => [name, here(value)]);
    return http(`${server.url}${path}`, {
      method,
      headers: Object.fromEntries(entries),
      body: method === 'GET' ? '' : body,
    });
  };
  const stored = () => server.host.range({ key: utf8('hostile') }).count;

  it.each(foreignHosts)('Host %j is refused on every path', async (host) => {
    for (const [path, method] of [
      ['/v3/kv/put', 'POST'],
      ['/v3/watch', 'POST'],
      ['/health', 'GET'],
      ['/metrics', 'GET'],
    ] as const) {
      const answer = await send({ host }, path, method);
      expect([400, 421]).toContain(answer.status);
    }
    expect(stored()).toBe(0n);
  });

  // etcd-difference: gateway-origin
  it.each(foreignOrigins)('%j is refused on every path', async (headers) => {
    for (const [path, method] of [
      ['/v3/kv/put', 'POST'],
      ['/v3/watch', 'POST'],
      ['/health', 'GET'],
      ['/v3/kv/put', 'OPTIONS'],
    ] as const) {
      const answer = await send(headers, path, method);
      expect(answer.status).toBe(403);
      expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    }
    expect(stored()).toBe(0n);
  });

  it('no Host, an empty one or two are refused', async () => {
    for (const line of ['1.0', '1.1', '1.1\r\nHost:', '1.1\r\nHost: localhost\r\nHost: evil.example']) {
      const peer = new RawHttp(server.url);
      peer.send(`GET /health HTTP/${line}\r\nConnection: close\r\n\r\n`);
      expect(await peer.untilClosed()).toMatch(/^HTTP\/1\.1 4(00|21) /);
    }
  });

  it.each([
    { host: 'localhost:PORT' },
    { host: 'LOCALHOST' },
    { host: '127.0.0.1:PORT' },
    { host: '127.0.0.2' },
    { host: '[::1]:PORT' },
    { host: 'etcd.example.org' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { origin: 'http://localhost:PORT', 'sec-fetch-site': 'same-origin' },
    { referer: 'http://localhost:PORT/page' },
    { 'sec-fetch-site': 'none' },
  ])('%j is welcome', async (headers: Readonly<Record<string, string>>) => {
    const { status, headers: answered } = await send(headers);
    expect(status).toBe(200);
    expect(answered).not.toHaveProperty('access-control-allow-origin');
    expect(answered).toMatchObject({ 'x-content-type-options': 'nosniff' });
  });
});
