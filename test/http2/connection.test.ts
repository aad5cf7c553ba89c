import { describe, expect, it } from 'vitest';
import { Code, Flag, FrameType, largestWindowBytes, preface } from '../../src/http2/protocol.js';
import { Prng } from '../../src/sim/prng.js';
import { decodeFrames, encodeFrame, type Frame, Setting, settingsFrame, windowUpdate } from '../transport/frames.js';
import { callFields, headerBlock } from '../transport/header-block.js';
import { exchange, Heard, roomySettings, Side } from './pair.js';

const head = [{ name: ':status', value: '200' }];
const request = callFields('/a').map(([name, value]) => ({ name, value }));
const text = (bytes: Buffer) => bytes.toString('latin1');

/** A client and a server that have exchanged settings. */
function greeted(client = new Side('client'), server = new Side('server')) {
  exchange(client, server);
  return { client, server };
}

function open(side: Side, last = false): Heard {
  const heard = new Heard();
  heard.stream = side.connection.open(request, last, heard);
  return heard;
}

function firstOf(side: Side): Heard {
  const [heard] = side.streams;
  if (heard === undefined) throw new Error('no stream was opened');
  return heard;
}

describe('a client and a server', () => {
  it('greet each other, then carry a call in one write each way', () => {
    const { client, server } = greeted();
    expect(client.settings).toMatchObject([{ initialWindowBytes: 2 ** 20, maxHeaderListBytes: 16_384 }]);
    const [before, call] = [client.writes, open(client)];
    call.stream?.data(Buffer.from('question'), true);
    exchange(client, server);
    expect(client.writes).toBe(before + 1);
    const heard = firstOf(server);
    expect(heard).toMatchObject({ heads: [callFields('/a')], end: 'ended' });
    expect(text(heard.bytes)).toBe('question');
    heard.stream?.headers(head, false);
    heard.stream?.data(Buffer.from('answer'), false);
    heard.stream?.headers([{ name: 'grpc-status', value: '0' }], true);
    exchange(client, server);
    expect(call).toMatchObject({ heads: [[[':status', '200']], [['grpc-status', '0']]], end: 'ended' });
    expect(text(call.bytes)).toBe('answer');
    expect([client.connection.streams, server.connection.streams]).toEqual([0, 0]);
  });

  it('carry messages of any size, cut anywhere, through windows of 64 KiB, and none waits for ever', () => {
    const random = new Prng(7);
    const narrow = { ...roomySettings, streamWindowBytes: 65_535, connectionWindowBytes: 65_535 };
    const echo = (heard: Heard) => {
      heard.onNews = () => {
        if (heard.data.length === 0) heard.stream?.headers(head, false);
        else heard.stream?.data(heard.data.at(-1) as Buffer, heard.end === 'ended');
      };
      return true;
    };
    const { client, server } = greeted(new Side('client', narrow), new Side('server', narrow, echo));
    const cut = (bytes: Buffer) => {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; ) {
        const end = at + 1 + random.below(random.chance(0.5) ? 20 : 40_000);
        pieces.push(bytes.subarray(at, end));
        at = end;
      }
      return pieces;
    };
    const calls = Array.from({ length: 40 }, () => {
      const sent = Buffer.from(random.bytes(random.below(random.chance(0.2) ? 300_000 : 2_000)));
      const heard = open(client);
      const middle = random.below(sent.length + 1);
      heard.stream?.data(sent.subarray(0, middle), false);
      heard.stream?.data(sent.subarray(middle), true);
      return { sent, heard };
    });
    exchange(client, server, cut);
    for (const { sent, heard } of calls) {
      expect(heard.end).toBe('ended');
      expect(heard.bytes.equals(sent)).toBe(true);
    }
    expect([client.failure, server.failure, client.connection.streams]).toEqual([undefined, undefined, 0]);
  });

  it('let a stream that is paused fill its window and no more, while others go on', () => {
    const narrow = { ...roomySettings, streamWindowBytes: 65_535, connectionWindowBytes: 300_000 };
    const { client, server } = greeted(new Side('client'), new Side('server', narrow));
    const slow = open(client);
    exchange(client, server);
    firstOf(server).stream?.pause();
    slow.stream?.data(Buffer.alloc(200_000, 1), true);
    exchange(client, server);
    expect(firstOf(server).bytes.length).toBe(65_535);
    expect(slow.stream?.unsentBytes).toBe(200_000 - 65_535);
    for (let i = 0; i < 5; i++) open(client).stream?.data(Buffer.alloc(60_000), true);
    exchange(client, server);
    expect(server.streams.slice(1).every(({ end }) => end === 'ended')).toBe(true);
    firstOf(server).stream?.resume();
    exchange(client, server);
    expect(firstOf(server)).toMatchObject({ end: 'ended' });
    expect(firstOf(server).bytes.length).toBe(200_000);
    expect(slow.drains).toBe(1);
  });

  it('keep DATA on its stream while the sink takes nothing, and let a reset drop it', () => {
    const { client, server } = greeted();
    client.takes = false;
    const [first, second] = [open(client), open(client)];
    client.turn();
    first.stream?.data(Buffer.alloc(400_000), true);
    second.stream?.data(Buffer.from('x'), true);
    expect([first.stream?.unsentBytes, second.stream?.unsentBytes]).toEqual([400_000, 1]);
    first.stream?.reset(Code.cancel);
    client.takes = true;
    client.connection.drained();
    // What was written while the sink was full was taken out of this exchange.
    expect(decodeFrames(client.turn()).frames).toMatchObject([
      { type: FrameType.reset, stream: 1 },
      { type: FrameType.data, stream: 3, flags: Flag.endStream },
    ]);
    expect(server.failure).toBeUndefined();
  });

  it('let an end without bytes pass, though the peer has made its windows smaller than what is under way', () => {
    const { client, server } = greeted();
    client.takes = false;
    const call = open(client);
    server.connection.receive(client.turn());
    // As much as fills the output: the end has to wait for the sink.
    call.stream?.data(Buffer.alloc(256 * 1024, 1), false);
    call.stream?.data(Buffer.alloc(0), true);
    client.connection.drained();
    client.connection.receive(settingsFrame([Setting.initialWindowSize, 1_000]));
    client.takes = true;
    client.connection.drained();
    exchange(client, server);
    expect(firstOf(server)).toMatchObject({ end: 'ended' });
    expect(firstOf(server).bytes.length).toBe(256 * 1024);
    expect([client.failure, server.failure, call.stream?.unsentBytes]).toEqual([undefined, undefined, 0]);
  });

  it('tell a refusal, a reset and the end of the connection apart', () => {
    let taken = 0;
    const server = new Side('server', roomySettings, () => ++taken > 1);
    const { client } = greeted(new Side('client'), server);
    const calls = [open(client), open(client), open(client)];
    exchange(client, server);
    firstOf(server).stream?.reset(Code.cancel);
    exchange(client, server);
    client.connection.lose();
    expect(calls.map(({ end }) => end)).toEqual([[Code.refused, true], [Code.cancel, true], 'lost']);
  });

  it('refuse streams above the limit and after GOAWAY', () => {
    const { client, server } = greeted(new Side('client'), new Side('server', { ...roomySettings, maxStreams: 2 }));
    expect(client.connection.peerSettings.maxStreams).toBe(2);
    const calls = [open(client), open(client), open(client)];
    exchange(client, server);
    server.connection.goAway();
    calls[0]?.stream?.reset(Code.cancel);
    exchange(client, server);
    calls.push(open(client));
    exchange(client, server);
    expect(client.goAways).toEqual([[5, Code.none, '']]);
    expect(calls.map(({ end }) => end)).toEqual([undefined, undefined, [Code.refused, true], [Code.refused, true]]);
    expect(server.failure).toBeUndefined();
  });

  it('answer pings', () => {
    const { client, server } = greeted();
    client.connection.ping(Buffer.from('12345678'));
    exchange(client, server);
    expect(client.pongs).toEqual(['12345678']);
  });

  it('answer a ping in a moment where the sink can wait, and one that comes meanwhile at once', () => {
    const { client, server } = greeted(new Side('client', roomySettings, undefined, true));
    server.connection.ping(Buffer.from('lingers.'));
    exchange(client, server);
    open(client);
    exchange(client, server);
    expect(server.pongs).toEqual([]);
    server.connection.ping(Buffer.from('at once.'));
    exchange(client, server);
    expect(server.pongs).toEqual(['at once.']);
    client.moment();
    exchange(client, server);
    server.connection.ping(Buffer.from('the next'));
    exchange(client, server);
    expect(server.pongs).toEqual(['at once.', 'lingers.']);
  });

  it('split a head above the largest frame, and refuse a list above the limit on its stream alone', () => {
    const { client, server } = greeted(
      new Side('client'),
      new Side('server', { ...roomySettings, maxHeaderListBytes: 50_000 }),
    );
    const long = (size: number) => [...request, { name: 'x-long', value: 'y'.repeat(size) }];
    const [allowed, refused] = [new Heard(), new Heard()];
    client.connection.open(long(40_000), true, allowed);
    client.connection.open(long(60_000), true, refused);
    exchange(client, server);
    expect(firstOf(server).heads[0]?.at(-1)?.[1].length).toBe(40_000);
    expect([allowed.end, refused.end]).toEqual([undefined, [Code.calm, true]]);
  });
});

describe('a connection whose peer breaks the rules', () => {
  const start = Buffer.concat([Buffer.from(preface, 'latin1'), settingsFrame()]);
  const call = encodeFrame(FrameType.headers, Flag.endHeaders, 1, headerBlock(callFields('/a')));

  it.each([
    ['another preface', Buffer.from('GET / HTTP/1.1\r\n\r\n'), Code.protocol],
    ['no SETTINGS first', Buffer.concat([Buffer.from(preface, 'latin1'), call]), Code.protocol],
    ['a frame too long', Buffer.concat([start, encodeFrame(0x20, 0, 0, Buffer.alloc(16_385))]), Code.frameSize],
    ['CONTINUATION of nothing', Buffer.concat([start, encodeFrame(FrameType.continuation, 4, 1)]), Code.protocol],
    [
      'another frame within a header block',
      Buffer.concat([start, encodeFrame(FrameType.headers, 0, 1), encodeFrame(FrameType.ping, 0, 0, Buffer.alloc(8))]),
      Code.protocol,
    ],
    ['a window above its limit', Buffer.concat([start, windowUpdate(0, largestWindowBytes)]), Code.flowControl],
    ['frames too small', Buffer.concat([start, settingsFrame([Setting.maxFrameSize, 1])]), Code.protocol],
    [
      'broken HPACK',
      Buffer.concat([start, encodeFrame(FrameType.headers, 4, 1, Buffer.from([0x80]))]),
      Code.compression,
    ],
    [
      'a header block without end',
      Buffer.concat([
        ...[start, encodeFrame(FrameType.headers, 0, 1)],
        ...Array.from({ length: 200 }, () => encodeFrame(FrameType.continuation, 0, 1)),
      ]),
      Code.calm,
    ],
    [
      'questions whose answers it does not read',
      Buffer.concat([
        start,
        ...Array.from({ length: 2_000 }, () => encodeFrame(FrameType.ping, 0, 0, Buffer.alloc(8))),
      ]),
      Code.calm,
    ],
  ])('%s: GOAWAY with the reason, once, and silence', (_, bytes, code) => {
    const server = new Side('server');
    server.connection.receive(bytes);
    server.connection.receive(call);
    expect(server.failure?.code).toBe(code);
    const goAways = framesOf(server).filter(({ type }) => type === FrameType.goAway);
    expect(goAways.map(({ payload }) => payload.readUInt32BE(4))).toEqual([code]);
    expect(server.streams).toEqual([]);
  });

  it.each([
    [
      'a stream of the server’s own',
      encodeFrame(FrameType.headers, 4, 2, headerBlock([[':status', '200']])),
      Code.protocol,
    ],
    ['a stream that was never opened', encodeFrame(FrameType.data, 0, 3), Code.protocol],
    ['PUSH_PROMISE', encodeFrame(FrameType.pushPromise, 4, 1, Buffer.alloc(4)), Code.protocol],
  ])('a server with %s', (_, bytes, code) => {
    const client = new Side('client');
    client.connection.receive(settingsFrame());
    open(client);
    client.connection.receive(bytes);
    expect(client.failure?.code).toBe(code);
  });

  it('ends one stream for what concerns it alone', () => {
    const { client, server } = greeted();
    const [bad, good] = [open(client), open(client)];
    exchange(client, server);
    client.connection.receive(windowUpdate(1, 0));
    exchange(client, server);
    expect([bad.end, good.end, client.failure]).toEqual([[Code.protocol, false], undefined, undefined]);
    expect(server.streams.map(({ end }) => end)).toEqual([[Code.protocol, true], undefined]);
  });

  it('lets what is still on its way pass, after a reset of its own', () => {
    const { client, server } = greeted();
    const call = open(client);
    exchange(client, server);
    firstOf(server).stream?.headers(head, false);
    firstOf(server).stream?.data(Buffer.from('late'), false);
    call.stream?.reset(Code.cancel);
    exchange(client, server);
    expect([client.failure, server.failure, firstOf(server).end]).toEqual([undefined, undefined, [Code.cancel, true]]);
    expect(call.heads).toEqual([]);
  });
});

function framesOf(side: Side): readonly Frame[] {
  return decodeFrames(side.turn()).frames;
}
