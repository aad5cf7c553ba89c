import { afterAll, beforeAll, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { type Server, startServer } from '../../src/server/server.js';
import { grpcFrame } from '../../src/wire/grpc-frame.js';
import { kvMethods, leaseMethods, watchMethods } from '../../src/wire/methods.js';
import { describeEtcd } from '../support/etcd.js';
import { type RawAnswer, RawClient } from './support/raw-client.js';

const put = kvMethods.put.path;
const emptyPut = grpcFrame(new Uint8Array(0));
const aPut = grpcFrame(kvMethods.put.request.encode({ key: utf8('raw-statuses') }));

/** What a client can get wrong. `text`: whether the words are the same too, or only the numbers. */
const cases: readonly {
  readonly title: string;
  readonly send: (client: RawClient) => Promise<RawAnswer>;
  readonly text: boolean;
}[] = [
  { title: 'a request refused by the store', send: (client) => client.sendRaw(put, emptyPut), text: true },
  { title: 'an unknown method', send: (client) => client.sendRaw('/etcdserverpb.KV/Nothing', aPut), text: true },
  { title: 'an unknown service', send: (client) => client.sendRaw('/nothing.Here/Put', aPut), text: true },
  { title: 'a body that is no message', send: (client) => client.call(put, Buffer.from([0xff])), text: false },
  { title: 'a truncated field', send: (client) => client.call(put, Buffer.from([0x0a, 9, 1])), text: false },
  { title: 'another wire type', send: (client) => client.call(put, Buffer.from([0x08, 1])), text: false },
  {
    title: 'a message above 2 MiB',
    send: (client) => client.sendRaw(put, Buffer.from([0, 0x40, 0, 0, 0])),
    text: true,
  },
  {
    title: 'unknown flags',
    send: (client) => client.sendRaw(put, Buffer.from([7, 0, 0, 0, 0])),
    text: true,
  },
  {
    title: 'a compressed message',
    send: (client) => client.sendRaw(put, Buffer.from([1, 0, 0, 0, 1, 0]), { 'grpc-encoding': 'snappy' }),
    text: false,
  },
  { title: 'unknown fields', send: (client) => client.call(put, Buffer.from([0x0a, 1, 97, 0xf8, 1, 5])), text: true },
  { title: 'a metadata name of ours', send: (client) => client.sendRaw(put, aPut, { hasleader: 'true' }), text: true },
  {
    title: 'an empty heartbeat stream',
    send: (client) => client.sendRaw(leaseMethods.keepAlive.path, Buffer.alloc(0)),
    text: true,
  },
  {
    title: 'a body that is no watch request',
    send: (client) => client.call(watchMethods.watch.path, Buffer.from([0xff])),
    text: false,
  },
];

describeEtcd('raw HTTP/2: the same status as from etcd for', (etcd) => {
  let server: Server;
  let ours: RawClient;
  let theirs: RawClient;
  beforeAll(async () => {
    server = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
    ours = await new RawClient(server.url).ready();
    theirs = await new RawClient(etcd.url).ready();
  });
  afterAll(async () => {
    await Promise.all([ours.close(), theirs.close()]);
    await server.close();
  });

  for (const { title, send, text } of cases) {
    it(title, async () => {
      const [mine, etcds] = [await send(ours), await send(theirs)];
      const shown = ({ httpStatus, status, text: words, messages }: RawAnswer) => ({
        ...{ httpStatus, status, messages: messages.length },
        // An empty text may be left out.
        ...(text ? { words: words ?? '' } : {}),
      });
      expect(shown(mine)).toEqual(shown(etcds));
    });
  }
});
