import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GrpcChannel } from '../../src/channels/grpc-channel.js';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { utf8 } from '../../src/core/bytes.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import { RpcStore } from '../../src/wire/rpc-store.js';
import { eventually } from '../server/support/wait.js';

const runtime = new NodeRuntime();

/** How long after a watch was made it is cancelled. */
const moments: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['within a microtask', () => Promise.resolve()],
  ['within a tick', () => new Promise<void>((resolve) => process.nextTick(resolve))],
  ['a turn later', () => new Promise(setImmediate)],
];

describe.each([
  ['GrpcChannel', GrpcChannel],
  ['H2Channel', H2Channel],
])('a call over %s that is cancelled', (_, Channel) => {
  let server: Server;
  let store: RpcStore;
  beforeEach(async () => {
    server = await startServer({ runtime, listen: { host: '127.0.0.1', port: 0 } });
    store = new RpcStore({ channels: [new Channel({ address: new URL(server.url).host })], runtime });
    await store.range({ key: utf8('connected') });
  });
  afterEach(async () => {
    await store.close();
    await server.close();
  });

  it.each(moments)('ends on the server, and lets the connection go: %s', async (_title, moment) => {
    for (let i = 0; i < 5; i++) {
      const cancel = store.watch({ key: utf8('a') }, { onEvents: () => {}, onEnd: () => {} });
      await moment();
      cancel();
    }
    await store.range({ key: utf8('after') });
    await eventually(() => server.stats().calls === 0);
    await store.close();
    await eventually(() => server.stats().sessions === 0);
    expect(server.stats()).toMatchObject({ sessions: 0, calls: 0 });
  });
});
