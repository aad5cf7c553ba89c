import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { expect, it } from 'vitest';
import { connect } from '../../src/index.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { startServer } from '../../src/server/server.js';

it('a first byte that HTTP/1 and HTTP/2 share is waited with: nobody else is held up', async () => {
  const server = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
  const slow = connectSocket(server.port, '127.0.0.1');
  await once(slow, 'connect');
  slow.write('P');
  const other = await connect(server.url);
  await other.put('k', 'v');
  slow.write('OST /v3/kv/range HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}');
  const [answer] = await once(slow, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1\.1 400 /);
  slow.destroy();
  await other.close();
  await server.close();
});
