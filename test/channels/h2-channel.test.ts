import { describe, expect, it } from 'vitest';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { kvMethods } from '../../src/wire/methods.js';
import { expectNoLeaks } from '../support/leaks.js';
import { Code, encodeFrame, Flag, FrameType, resetFrame } from '../transport/frames.js';
import { headerBlock } from '../transport/header-block.js';
import { answerHead, FrameServer, type ServerConnection } from './frame-server.js';

import { goAway, notApplied, revision7, txn, underWay, unknown } from './h2-scene.js';

describe('H2Channel and a peer that writes frames by hand', () => {
  expectNoLeaks();

  it('makes a call as gRPC has it, in one piece', async () => {
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address });
    const call = channel.unary(kvMethods.txn, {}, { metadata: { token: 'secret', hasleader: 'true' } });
    const connection = await server.connection();
    await connection.request(1);
    expect(connection.frames.map(({ type, flags }) => [type, flags])).toEqual([
      [FrameType.settings, 0],
      [FrameType.windowUpdate, 0],
      [FrameType.settings, Flag.ack],
      [FrameType.headers, Flag.endHeaders],
      [FrameType.data, Flag.endStream],
    ]);
    connection.answer(1, revision7);
    expect((await call).header.revision).toBe(7n);
    await channel.close();
    await connection.closed;
  });

  it('reads an answer padded, in pieces, with PRIORITY, unknown frames and an interim head between', async () => {
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address });
    const { call, connection } = await underWay(server, channel);
    connection.head(1, [[':status', '103']]);
    const block = headerBlock(answerHead);
    connection.write(encodeFrame(FrameType.priority, 0, 1, Buffer.from([0, 0, 0, 0, 9])), encodeFrame(0x42, 0xff, 0));
    connection.write(
      encodeFrame(
        FrameType.headers,
        Flag.padded,
        1,
        Buffer.concat([Buffer.from([3]), block.subarray(0, 5), Buffer.alloc(3)]),
      ),
      encodeFrame(FrameType.continuation, Flag.endHeaders, 1, block.subarray(5)),
    );
    const message = Buffer.concat([Buffer.from([0, 0, 0, 0, revision7.length]), revision7]);
    for (const byte of message) {
      connection.write(encodeFrame(FrameType.data, Flag.padded, 1, Buffer.from([2, byte, 0, 0])));
    }
    connection.trailers(1);
    expect((await call).header.revision).toBe(7n);
    await channel.close();
  });

  it.each([
    [
      'a status in trailers',
      [
        ['grpc-status', '11'],
        ['grpc-message', 'etcdserver: mvcc: required revision has been compacted'],
      ],
      'COMPACTED',
      'not-applied',
    ],
    [
      'percent signs',
      [
        ['grpc-status', '3'],
        ['grpc-message', 'caf%C3%A9 100%'],
      ],
      'INVALID_ARGUMENT',
      'not-applied',
    ],
    ['a status that is no number', [['grpc-status', 'x']], 'INTERNAL', 'unknown'],
    ['no status', [['x-other', 'y']], 'INTERNAL', 'unknown'],
    ['OK without a message', [['grpc-status', '0']], 'INTERNAL', 'unknown'],
    [
      'UNAVAILABLE of a proxy',
      [
        ['grpc-status', '14'],
        ['grpc-message', 'upstream gone'],
      ],
      'UNAVAILABLE',
      'unknown',
    ],
  ] as const)('%s: the error that it means', async (_, trailers, code, outcome) => {
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address });
    const { call, connection } = await underWay(server, channel);
    connection.head(1);
    connection.trailers(1, trailers);
    await expect(call).rejects.toMatchObject({ code, outcome });
    if (code === 'INVALID_ARGUMENT') await expect(call).rejects.toThrow('café 100%');
    await channel.close();
  });

  it('reads a status that comes without an answer, and HTTP’s own where there is no gRPC', async () => {
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address });
    const calls = [txn(channel), txn(channel), txn(channel)].map((call) => call.catch((error: unknown) => error));
    const connection = await server.connection();
    await connection.request(5);
    connection.trailers(1, [...answerHead, ['grpc-status', '7'], ['grpc-message', 'etcdserver: permission denied']]);
    connection.trailers(3, [[':status', '503']]);
    connection.head(5, [
      [':status', '404'],
      ['content-type', 'text/html'],
    ]);
    connection.write(encodeFrame(FrameType.data, Flag.endStream, 5, Buffer.from('<html>')));
    expect(await Promise.all(calls)).toMatchObject([
      { code: 'PERMISSION_DENIED', message: 'etcdserver: permission denied' },
      { ...unknown, message: `${server.address}: the answer is HTTP 503, not gRPC` },
      { code: 'UNSUPPORTED' },
    ]);
    await channel.close();
  });

  it.each<[string, (connection: ServerConnection) => void, object]>([
    ['REFUSED_STREAM', (peer) => peer.write(resetFrame(1, Code.refused)), notApplied],
    [
      'REFUSED_STREAM behind a head',
      (peer) => {
        peer.head(1);
        peer.write(resetFrame(1, Code.refused));
      },
      unknown,
    ],
    ['a reset', (peer) => peer.write(resetFrame(1, Code.internal)), unknown],
    ['ENHANCE_YOUR_CALM', (peer) => peer.write(resetFrame(1, Code.calm)), unknown],
    ['GOAWAY below its number', (peer) => peer.write(goAway(0, Code.none)), notApplied],
    [
      'GOAWAY at its number, then the end',
      (peer) => {
        peer.write(goAway(1, Code.none));
        peer.socket.end();
      },
      unknown,
    ],
    ['an orderly end of the connection', (peer) => peer.socket.end(), unknown],
    ['a broken connection', (peer) => peer.socket.resetAndDestroy(), unknown],
    ['a frame too long', (peer) => peer.write(encodeFrame(0x42, 0, 0, Buffer.alloc(16_385))), unknown],
    ['PUSH_PROMISE', (peer) => peer.write(encodeFrame(FrameType.pushPromise, 4, 1, Buffer.alloc(4))), unknown],
    [
      'a head without end',
      (peer) => {
        peer.write(encodeFrame(FrameType.headers, 0, 1, headerBlock(answerHead)));
        for (let i = 0; i < 2_000; i++) peer.write(encodeFrame(FrameType.continuation, 0, 1));
      },
      unknown,
    ],
    [
      'a list of headers too long',
      (peer) => {
        // One field of 3,000 bytes enters the table, and is named 40 times.
        const long = Buffer.concat([Buffer.from('4001787fb916', 'hex'), Buffer.alloc(3_000, 'y')]);
        const block = Buffer.concat([headerBlock(answerHead), long, Buffer.alloc(40, 0xbe)]);
        peer.write(encodeFrame(FrameType.headers, Flag.endHeaders, 1, block));
      },
      { ...unknown, message: expect.stringContaining('ENHANCE_YOUR_CALM') },
    ],
    ['broken HPACK', (peer) => peer.write(encodeFrame(FrameType.headers, 4, 1, Buffer.from([0xff, 0xff]))), unknown],
    ['DATA of a stream that is none', (peer) => peer.write(encodeFrame(FrameType.data, 0, 99)), unknown],
    [
      'questions without end, the answers unread',
      (peer) => {
        peer.socket.pause();
        for (let i = 0; i < 20_000; i++) peer.write(encodeFrame(FrameType.ping, 0, 0, Buffer.alloc(8)));
        peer.write(resetFrame(1, Code.cancel));
      },
      unknown,
    ],
    ['DATA before a head', (peer) => peer.message(1, revision7), { code: 'INTERNAL', outcome: 'unknown' }],
    [
      'a second head',
      (peer) => {
        peer.head(1);
        peer.head(1);
      },
      { code: 'INTERNAL', outcome: 'unknown' },
    ],
    [
      'two messages',
      (peer) => {
        peer.head(1);
        peer.message(1, revision7);
        peer.message(1, revision7);
      },
      { code: 'INTERNAL', outcome: 'unknown' },
    ],
    [
      'an end within a message',
      (peer) => {
        peer.head(1);
        peer.write(encodeFrame(FrameType.data, 0, 1, Buffer.from([0, 0, 0, 0, 9, 1])));
        peer.trailers(1);
      },
      { code: 'INTERNAL', outcome: 'unknown' },
    ],
    [
      'a compressed message',
      (peer) => {
        peer.head(1);
        peer.write(encodeFrame(FrameType.data, 0, 1, Buffer.from([1, 0, 0, 0, 0])));
      },
      { code: 'UNSUPPORTED', outcome: 'unknown' },
    ],
    [
      'a message of 2 GiB',
      (peer) => {
        peer.head(1);
        peer.write(encodeFrame(FrameType.data, 0, 1, Buffer.from([0, 0x80, 0, 0, 0])));
      },
      { code: 'RESOURCE_EXHAUSTED', outcome: 'unknown' },
    ],
  ])('%s: what the call ends with', async (_, play, failure) => {
    await using server = await FrameServer.start();
    const channel = new H2Channel({ address: server.address });
    const { call, connection } = await underWay(server, channel);
    play(connection);
    await expect(call).rejects.toMatchObject(failure);
    await channel.close();
  });
});
