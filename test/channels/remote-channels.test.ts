import { Etcd3 } from 'etcd3';
import { describe, expect, it } from 'vitest';
import { Etcd3Channel } from '../../src/channels/etcd3-channel.js';
import { GrpcChannel } from '../../src/channels/grpc-channel.js';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { deferred } from '../../src/core/deferred.js';
import { ConclaveError } from '../../src/core/errors.js';
import type { WatchResponse } from '../../src/store/messages.js';
import { kvMethods, watchMethods } from '../../src/wire/methods.js';
import type { RpcChannel } from '../../src/wire/rpc-channel.js';
import { type GrpcPeer, type PeerHandlers, startGrpcPeer } from '../support/grpc-peer.js';
import { expectNoLeaks } from '../support/leaks.js';
import { addressOf } from '../support/remote-stores.js';
import { header, watchResponse } from '../support/scripted-service.js';

interface Opened extends AsyncDisposable {
  readonly channel: RpcChannel;
  readonly peer: GrpcPeer;
}

function opened(channel: RpcChannel, peer: GrpcPeer, release: () => void): Opened {
  const close = async () => {
    await channel.close();
    release();
    await peer[Symbol.asyncDispose]();
  };
  return { channel, peer, [Symbol.asyncDispose]: close };
}

const ways: Record<string, (handlers: PeerHandlers) => Promise<Opened>> = {
  GrpcChannel: async (handlers) => {
    const peer = await startGrpcPeer(handlers);
    return opened(new GrpcChannel({ address: addressOf(peer.url) }), peer, () => {});
  },
  H2Channel: async (handlers) => {
    const peer = await startGrpcPeer(handlers);
    return opened(new H2Channel({ address: addressOf(peer.url) }), peer, () => {});
  },
  Etcd3Channel: async (handlers) => {
    const peer = await startGrpcPeer(handlers);
    const client = new Etcd3({ hosts: peer.url });
    return opened(new Etcd3Channel(client), peer, () => client.close());
  },
};

const silent = { method: kvMethods.txn, answer: () => undefined };

for (const [name, open] of Object.entries(ways)) {
  describe(`${name} and a gRPC server`, () => {
    expectNoLeaks();

    it('never repeats a call that the server may have applied', async () => {
      let calls = 0;
      const answer = () => {
        calls += 1;
        return { code: 14, details: 'etcdserver: request timed out' };
      };
      await using way = await open({ unary: [{ method: kvMethods.txn, answer }] });
      await expect(way.channel.unary(kvMethods.txn, {}, {})).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        outcome: 'unknown',
        message: 'etcdserver: request timed out',
      });
      expect(calls).toBe(1);
    });

    it('calls the outcome unknown when the connection breaks under a call, and names the endpoint', async () => {
      const called = deferred();
      const answer = () => {
        called.resolve();
        return undefined;
      };
      await using way = await open({ unary: [{ method: kvMethods.txn, answer }] });
      const call = way.channel.unary(kvMethods.txn, {}, {});
      await called.promise;
      way.peer.drop();
      await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' });
      await expect(call).rejects.toThrowError(way.channel.endpoint);
    });

    it('cancels a call by its signal, and sends none whose signal has aborted', async () => {
      await using way = await open({ unary: [silent] });
      const controller = new AbortController();
      const call = way.channel.unary(kvMethods.txn, {}, { signal: controller.signal });
      controller.abort();
      await expect(call).rejects.toMatchObject({ code: 'CANCELLED', outcome: 'unknown' });
      const late = way.channel.unary(kvMethods.txn, {}, { signal: controller.signal });
      await expect(late).rejects.toMatchObject({ code: 'CANCELLED', outcome: 'not-applied' });
    });

    it('fails with INTERNAL and an unknown outcome for an answer that cannot be read', async () => {
      await using way = await open({ unary: [{ method: kvMethods.txn, answer: () => Buffer.from([0xff, 0xff]) }] });
      await expect(way.channel.unary(kvMethods.txn, {}, {})).rejects.toMatchObject({
        code: 'INTERNAL',
        outcome: 'unknown',
      });
    });

    it('says that nothing was applied when a request cannot be written', async () => {
      await using way = await open({ unary: [silent] });
      const call = way.channel.unary(kvMethods.compact, { revision: 1n << 63n }, {});
      await expect(call).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'not-applied' });
    });

    it('ends a stream of which a message cannot be read', async () => {
      const open1 = {
        method: watchMethods.watch,
        open: (stream: PeerStream) => void stream.write(Buffer.from([0xff])),
      };
      await using way = await open({ duplex: [open1] });
      expect(await endOf(way.channel)).toMatchObject({ code: 'INTERNAL' });
    });

    it('gives the messages of a stream in order, then its status', async () => {
      const messages = [1n, 2n, 3n].map((revision) => watchResponse({ revision }));
      const play = (stream: PeerStream) => {
        for (const message of messages) stream.write(Buffer.from(watchMethods.watch.response.encode(message)));
        stream.emit('error', { code: 14, details: 'etcdserver: no leader' });
      };
      await using way = await open({ duplex: [{ method: watchMethods.watch, open: play }] });
      const told: unknown[] = [];
      const ended = deferred();
      const call = way.channel.duplex(
        watchMethods.watch,
        {
          onMessage: (message) => told.push(message.header.revision),
          onEnd: (error) => {
            told.push(error);
            // Long enough for a second report of the same end.
            setImmediate(() => setImmediate(ended.resolve));
          },
        },
        {},
      );
      call.send({ type: 'progress' });
      await ended.promise;
      expect(told).toMatchObject([1n, 2n, 3n, { code: 'UNAVAILABLE', message: 'etcdserver: no leader' }]);
    });

    it('gives undefined at the orderly end of a stream', async () => {
      await using way = await open({
        duplex: [{ method: watchMethods.watch, open: (stream: PeerStream) => void stream.end() }],
      });
      expect(await endOf(way.channel)).toBeUndefined();
    });

    it.each(['at once', 'later'])(
      'half-closes a stream %s: all that was sent comes first, answers after',
      async (when) => {
        const heard = deferred();
        const play = (stream: PeerStream) => {
          let messages = 0;
          stream.on('data', () => {
            messages += 1;
            heard.resolve();
          });
          stream.on('end', () => {
            const answer = watchResponse({ revision: BigInt(messages) });
            stream.write(Buffer.from(watchMethods.watch.response.encode(answer)));
            stream.end();
          });
        };
        await using way = await open({ duplex: [{ method: watchMethods.watch, open: play }] });
        const told: unknown[] = [];
        const ended = deferred<Error | undefined>();
        const onMessage = ({ header: { revision } }: WatchResponse) => told.push(revision);
        const call = way.channel.duplex(watchMethods.watch, { onMessage, onEnd: ended.resolve }, {});
        call.send({ type: 'progress' });
        call.send({ type: 'progress' });
        if (when === 'later') await heard.promise;
        call.halfClose();
        call.halfClose();
        expect([await ended.promise, told]).toEqual([undefined, [2n]]);
        call.halfClose();
      },
    );

    it('ends calls and streams with UNAVAILABLE when it is closed, and refuses new ones', async () => {
      const heard = deferred();
      const watch = { method: watchMethods.watch, open: (stream: PeerStream) => void stream.on('data', heard.resolve) };
      await using way = await open({ unary: [silent], duplex: [watch] });
      const call = way.channel.unary(kvMethods.txn, {}, {});
      const end = endOf(way.channel);
      await heard.promise;
      await way.channel.close();
      await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' });
      expect(await end).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' });
      await expect(way.channel.unary(kvMethods.txn, {}, {})).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        outcome: 'not-applied',
      });
      expect(() => way.channel.duplex(watchMethods.watch, quiet, {})).toThrowError(/channel is closed/);
    });
  });
}

describe.each([
  ['GrpcChannel', GrpcChannel],
  ['H2Channel', H2Channel],
])('%s', (_, Channel) => {
  expectNoLeaks();

  it('receives messages of any size', async () => {
    const value = new Uint8Array(6 * 1024 * 1024);
    const kv = { key: value, createRevision: 1n, modRevision: 1n, version: 1n, value, lease: 0n };
    const answer = { header: header(1n), kvs: [kv], more: false, count: 1n };
    const bytes = kvMethods.range.response.encode(answer);
    await using peer = await startGrpcPeer({ unary: [{ method: kvMethods.range, answer: () => bytes }] });
    const channel = new Channel({ address: addressOf(peer.url) });
    const range = await channel.unary(kvMethods.range, { key: new Uint8Array([1]) }, {});
    expect(range.kvs[0]?.value.length).toBe(value.length);
    await channel.close();
  });
});

describe('Etcd3Channel', () => {
  expectNoLeaks();

  it('leaves the borrowed client open, and says when its owner has closed it', async () => {
    const bytes = kvMethods.range.response.encode({ header: header(7n), kvs: [], more: false, count: 0n });
    await using peer = await startGrpcPeer({ unary: [{ method: kvMethods.range, answer: () => bytes }] });
    const client = new Etcd3({ hosts: peer.url });
    await new Etcd3Channel(client).close();
    const channel = new Etcd3Channel(client);
    const range = await channel.unary(kvMethods.range, { key: new Uint8Array([1]) }, {});
    expect(range.header.revision).toBe(7n);
    client.close();
    await expect(channel.unary(kvMethods.range, { key: new Uint8Array([1]) }, {})).rejects.toMatchObject({
      code: 'CLOSED',
      outcome: 'not-applied',
    });
    const end = await endOf(channel);
    expect(ConclaveError.is(end, 'CLOSED')).toBe(true);
  });

  it('finds the host that lives, of several', async () => {
    const bytes = kvMethods.txn.response.encode({ header: header(7n), succeeded: true, responses: [] });
    await using live = await startGrpcPeer({ unary: [{ method: kvMethods.txn, answer: () => bytes }] });
    const dead = await startGrpcPeer({});
    dead.drop();
    for (let i = 0; i < 10; i++) {
      const client = new Etcd3({ hosts: [dead.url, live.url] });
      expect((await new Etcd3Channel(client).unary(kvMethods.txn, {}, {})).header.revision).toBe(7n);
      client.close();
    }
  });

  it('says that nothing was sent while the circuit breaker of the only host is open', async () => {
    const peer = await startGrpcPeer({});
    peer.drop();
    const client = new Etcd3({ hosts: peer.url });
    const channel = new Etcd3Channel(client);
    for (let i = 0; i < 3; i++) {
      await expect(channel.unary(kvMethods.txn, {}, {})).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        outcome: 'not-applied',
        message: expect.stringMatching(i === 0 ? /ECONNREFUSED/ : /no host that can be reached/),
      });
    }
    client.close();
  });

  it('refuses an object that does not lend its connections', () => {
    expect(() => new Etcd3Channel({ kv: {} } as Etcd3)).toThrowError(/does not lend its connections/);
  });
});

type PeerStream = Parameters<NonNullable<PeerHandlers['duplex']>[number]['open']>[0];

const quiet = { onMessage: () => {}, onEnd: () => {} };

/** Opens a watch stream, sends something on it, and gives what it ends with. */
function endOf(channel: RpcChannel, onMessage: (message: WatchResponse) => unknown = () => {}) {
  return new Promise<Error | undefined>((resolve) => {
    const call = channel.duplex(watchMethods.watch, { onMessage, onEnd: resolve }, {});
    call.send({ type: 'progress' });
  });
}
