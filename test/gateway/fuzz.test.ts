import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { routes } from '../../src/server/gateway/routes.js';
import { startServer } from '../../src/server/server.js';
import { eventually } from '../server/support/wait.js';
import { http, RawHttp } from './support/http-client.js';

const listen = { host: '127.0.0.1', port: 0 };

it('whatever body comes is answered with a status and JSON, and nothing is a bug', async () => {
  const bugs: unknown[] = [];
  const server = await startServer({ runtime: new NodeRuntime(), listen, onBug: (error) => bugs.push(error) });
  const names = [...new Set([...routes.values()].flatMap(({ request }) => [...request.byName.keys()]))];
  const key = fc.constantFrom(...names, '__proto__', 'constructor', 'toString');
  const scalar = fc.constantFrom(null, true, 0, -1, 99, 1.5, '', 'YQ==', 'AA==', '-1', '9223372036854775807', 'VALUE');
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      scalar,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 6 }),
    ),
  }));
  const json = value.map((each) => Buffer.from(JSON.stringify(each)));
  const broken = fc.tuple(json, fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
    if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return bytes;
  });
  const body = fc.oneof(
    json,
    broken,
    fc.uint8Array().map((each) => Buffer.from(each)),
  );
  // These wait when they like what they hear: limits.test.ts and test/services have them.
  const waiting = ['/v3/watch', '/v3/lock/lock', '/v3/election/campaign', '/v3/election/observe'];
  const paths = [...routes.keys()].filter((path) => !waiting.includes(path));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), body, async (path, bytes) => {
      const answer = await http(`${server.url}${path}`, { method: 'POST', body: bytes });
      // Lock and Election answer UNKNOWN, as etcd's do: HTTP 500.
      const unknown = /^\/v3\/(lock|election)\//.test(path) ? [500] : [];
      expect([200, 400, 404, 429, 501, ...unknown]).toContain(answer.status);
      for (const line of answer.text.split('\n')) if (line !== '') JSON.parse(line);
    }),
    { numRuns: 400 },
  );
  expect(bugs).toEqual([]);
  expect((await http(`${server.url}/health`)).status).toBe(200);
  await server.close();
});

it('whatever bytes come instead of HTTP end their own connection at most', async () => {
  const bugs: unknown[] = [];
  const server = await startServer({ runtime: new NodeRuntime(), listen, onBug: (error) => bugs.push(error) });
  const line = fc.constantFrom(
    'GET /health HTTP/1.1',
    'POST /v3/watch HTTP/1.1',
    'PRI * HTTP/2.0',
    'OPTIONS * HTTP/1.1',
  );
  const head = fc.constantFrom(
    'Host: localhost',
    'Content-Length: -1',
    'Content-Length: 5',
    'Transfer-Encoding: x',
    ': x',
  );
  const request = fc.tuple(line, fc.array(head), fc.string()).map(([first, heads, rest]) => {
    return Buffer.from([first, ...heads, '', rest].join('\r\n'));
  });
  const bytes = fc.oneof(
    request,
    fc.uint8Array({ minLength: 1 }).map((each) => Buffer.from(each)),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (sent) => {
      const peer = new RawHttp(server.url);
      peer.socket.end(sent);
      await peer.untilClosed();
    }),
    { numRuns: 200 },
  );
  expect(bugs).toEqual([]);
  await eventually(() => server.stats().sessions === 0);
  expect((await http(`${server.url}/health`)).status).toBe(200);
  await server.close();
});
