import { describe, expect, it, vi } from 'vitest';
import { Scope } from '../../src/core/scope.js';
import { HpackDecoder } from '../../src/http2/hpack/decoder.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { startUpstreamServer } from '../../src/server/upstream/upstream-server.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { grpcFrame } from '../../src/wire/grpc-frame.js';
import { FrameServer, type ServerConnection } from '../channels/frame-server.js';
import { goAway } from '../channels/h2-scene.js';
import { freePorts } from '../support/etcd/free-ports.js';
import { expectNoLeaks } from '../support/leaks.js';
import { callHead, FramePeer } from '../transport/frame-peer.js';
import {
  Code,
  encodeFrame,
  Flag,
  type Frame,
  FrameType,
  resetFrame,
  Setting,
  type SettingPair,
  uint32,
  windowUpdate,
} from '../transport/frames.js';
import { callFields, type Field, headerBlock } from '../transport/header-block.js';

vi.setConfig({ testTimeout: 30_000 });

const path = '/etcdserverpb.Watch/Watch';
const message = Buffer.from('as it is');
const MiB = 1024 * 1024;
/** What may come to us on a stream, from callers and from members, before we tell of more room. */
const windowBytes = MiB;

/** A front, the members behind it and whoever writes frames to it. */
class Front implements AsyncDisposable {
  readonly members: readonly FrameServer[];
  readonly runtime = new SimRuntime();
  readonly #scope = new Scope();
  #port = 0;

  private constructor(members: readonly FrameServer[]) {
    this.members = members;
  }

  /** `urls`: more members, asked before those that are made here. */
  static async open(
    http2: 'own' | 'node',
    { settings = [[]], urls = [] }: { readonly settings?: readonly SettingPair[][]; readonly urls?: string[] } = {},
  ): Promise<Front> {
    const front = new Front(await Promise.all(settings.map((each) => FrameServer.start(each))));
    const upstream = [...urls, ...front.members.map(({ address }) => `http://${address}`)];
    const runtime = http2 === 'own' ? front.runtime : new NodeRuntime();
    const listen = { host: '127.0.0.1', port: 0 };
    const server = await startUpstreamServer({ runtime, listen, upstream, channels: [noChannel], http2 });
    front.#scope.add(() => server.close());
    front.#port = server.port;
    return front;
  }

  async caller(...settings: readonly SettingPair[]): Promise<FramePeer> {
    const peer = await FramePeer.greeted(this.#port, ...settings);
    // Before that Node goes by windows of 64 KiB.
    peer.write(encodeFrame(FrameType.settings, Flag.ack, 0));
    this.#scope.add(() => peer.close());
    return peer;
  }

  /** A caller with call 1, and the member's end of the connection on which it has come. */
  async underWay(): Promise<{ caller: FramePeer; member: ServerConnection }> {
    const caller = await this.caller();
    caller.call(1, message, { path, open: true });
    const member = await (this.members[0] as FrameServer).connection();
    await member.call(1);
    return { caller, member };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.close();
    for (const member of this.members) await member[Symbol.asyncDispose]();
  }
}

/** Nothing here goes by it. */
const noChannel = {
  endpoint: 'none',
  unary: () => Promise.reject(new Error('not asked')),
  duplex: () => {
    throw new Error('not asked');
  },
  close: async () => {},
};

/** The heads and trailers on `stream`, in order. */
function headsOn(stream: number, frames: readonly Frame[]): Field[][] {
  const decoder = new HpackDecoder(MiB);
  return frames
    .filter(({ type }) => type === FrameType.headers)
    .map((frame) => ({ frame, fields: decoder.decode(frame.payload, 0, frame.payload.length).fields }))
    .filter(({ frame }) => frame.stream === stream)
    .map(({ fields }) => fields.map(({ name, value }) => [name, value]));
}

function statusOn(stream: number, { frames }: FramePeer): { readonly code: string; readonly text: string } {
  const last = new Map(headsOn(stream, frames).at(-1));
  return { code: last.get('grpc-status') ?? '', text: last.get('grpc-message') ?? '' };
}

const isEnd =
  (stream: number) =>
  (frame: Frame): boolean =>
    frame.stream === stream && (frame.flags & Flag.endStream) !== 0 && frame.type <= FrameType.headers;
const isReset =
  (stream: number) =>
  (frame: Frame): boolean =>
    frame.stream === stream && frame.type === FrameType.reset;

/** The sum of what `stream` may have sent, as it was told. */
function roomOn(stream: number, frames: readonly Frame[]): number {
  return frames
    .filter((frame) => frame.type === FrameType.windowUpdate && frame.stream === stream)
    .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
}

function bodyOn(stream: number, frames: readonly Frame[]): Buffer {
  return Buffer.concat(
    frames.filter(({ stream: on, type }) => on === stream && type === FrameType.data).map(({ payload }) => payload),
  );
}

/** DATA of all of `bytes`, with a number in it so that no order but the right one is right. */
function pattern(bytes: number): Buffer {
  const all = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) all.writeUInt32BE(at, at);
  return all;
}

function dataOf(stream: number, bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16_384) {
    frames.push(encodeFrame(FrameType.data, Flag.none, stream, bytes.subarray(at, at + 16_384)));
  }
  return frames;
}

describe.each(['own', 'node'] as const)('calls that are handed on, callers served by HTTP/2 of kind %s', (kind) => {
  expectNoLeaks();

  it('heads, messages and trailers go both ways as they are, but for what belongs to a connection', async () => {
    await using front = await Front.open(kind);
    const caller = await front.caller();
    const own: Field[] = [
      ['grpc-timeout', '7S'],
      ['token', 'secret'],
      ['some-bin', 'AAEC'],
      ['grpc-encoding', 'gzip'],
    ];
    const compressed = Buffer.concat([Buffer.from([1, 0, 0, 0, 3]), Buffer.from('zip')]);
    const head = encodeFrame(FrameType.headers, Flag.endHeaders, 1, headerBlock([...callFields('/a.B/C'), ...own]));
    caller.write(head, encodeFrame(FrameType.data, Flag.endStream, 1, compressed));
    const member = await (front.members[0] as FrameServer).connection();
    await member.request(1);
    const [fields = []] = headsOn(1, member.frames);
    expect(new Set(fields.map(([name]) => name)).size).toBe(fields.length);
    expect(Object.fromEntries(fields)).toEqual({
      ...{ ':method': 'POST', ':scheme': 'http', ':path': '/a.B/C', ':authority': front.members[0]?.address },
      ...{ te: 'trailers', 'content-type': 'application/grpc', ...Object.fromEntries(own) },
    });
    expect(fields.findIndex(([name]) => !name.startsWith(':'))).toBe(4);
    expect(bodyOn(1, member.frames)).toEqual(compressed);
    // No table keeps it (RFC 7541, 6.2.3): `token` stands there with its name, after 0x10.
    const block = member.frames.find(({ type }) => type === FrameType.headers)?.payload as Buffer;
    expect(block.includes(Buffer.from('\x10\x05token\x06secret', 'latin1'))).toBe(true);
    member.head(1, [
      [':status', '200'],
      ['content-type', 'application/grpc+proto'],
      ['x', '1'],
      ['x', '2'],
    ]);
    member.message(1, message);
    member.trailers(1, [
      ['grpc-status', '9'],
      ['grpc-message', 'as %C3%BC'],
      ['details-bin', 'AAEC'],
    ]);
    expect((await caller.answer(1)).body).toEqual(Buffer.from(grpcFrame(message)));
    const [answer = [], trailers = []] = headsOn(1, caller.frames);
    expect(answer).toEqual(
      expect.arrayContaining([
        [':status', '200'],
        ['content-type', 'application/grpc+proto'],
      ]),
    );
    expect(
      answer
        .filter(([name]) => name === 'x')
        .map(([, value]) => value)
        .join(),
    ).toMatch(/^1, ?2$/);
    expect(Object.fromEntries(trailers)).toMatchObject({
      'grpc-status': '9',
      'grpc-message': 'as %C3%BC',
      'details-bin': 'AAEC',
    });
  });

  it('an answer of nothing but a status is one', async () => {
    await using front = await Front.open(kind);
    const { caller, member } = await front.underWay();
    member.trailers(1, [
      [':status', '200'],
      ['content-type', 'application/grpc'],
      ['grpc-status', '12'],
      ['grpc-message', 'unknown'],
    ]);
    await caller.next(isEnd(1));
    expect(headsOn(1, caller.frames)).toHaveLength(1);
    expect(statusOn(1, caller)).toEqual({ code: '12', text: 'unknown' });
    // What the caller would still send is of no use: both are told.
    await member.next(isReset(1));
    await caller.next(isReset(1));
  });

  it('a stream goes on after the caller’s half-close, which comes behind all that was sent', async () => {
    await using front = await Front.open(kind);
    const { caller, member } = await front.underWay();
    member.head(1);
    member.message(1, Buffer.from('one'));
    await caller.next(({ type }) => type === FrameType.data);
    expect(member.frames.some(isEnd(1))).toBe(false);
    caller.write(
      encodeFrame(FrameType.data, Flag.none, 1, grpcFrame(Buffer.from('more'))),
      encodeFrame(FrameType.data, Flag.endStream, 1),
    );
    await member.request(1);
    expect(bodyOn(1, member.frames)).toEqual(
      Buffer.concat([message, Buffer.from('more')].map((each) => grpcFrame(each))),
    );
    member.message(1, Buffer.from('two'));
    member.trailers(1);
    expect((await caller.answer(1)).body).toEqual(
      Buffer.concat(['one', 'two'].map((each) => grpcFrame(Buffer.from(each)))),
    );
    expect(statusOn(1, caller).code).toBe('0');
  });

  it('a member that takes nothing holds its caller up, and gets all of it in the end', async () => {
    await using front = await Front.open(kind, { settings: [[[Setting.initialWindowSize, 1_000]]] });
    const { caller, member } = await front.underWay();
    const sent = pattern(windowBytes);
    caller.write(windowUpdate(0, 16 * MiB));
    // All that its window has room for, the first message aside.
    const first = sent.subarray(0, windowBytes - 2 * grpcFrame(message).length);
    caller.write(...dataOf(1, first));
    await caller.fence();
    expect(member.dataBytes(1)).toBeLessThanOrEqual(1_000);
    expect(roomOn(1, caller.frames)).toBeLessThan(windowBytes / 4);
    // Others on the same connection are not held up.
    caller.write(windowUpdate(0, MiB));
    caller.call(3, Buffer.alloc(10), { path });
    await member.request(3);
    member.write(windowUpdate(0, 16 * MiB), windowUpdate(1, 16 * MiB));
    caller.write(encodeFrame(FrameType.data, Flag.endStream, 1));
    await member.request(1);
    expect(bodyOn(1, member.frames).subarray(grpcFrame(message).length).equals(first)).toBe(true);
    expect(roomOn(1, caller.frames)).toBeLessThan(2 * windowBytes);
  });

  it('a caller that reads nothing holds its member up, nobody else, and gets all of it in the end', async () => {
    await using front = await Front.open(kind);
    const caller = await front.caller([Setting.initialWindowSize, 1_000]);
    caller.call(1, message, { path, open: true });
    caller.call(3, message, { path, open: true });
    const member = await (front.members[0] as FrameServer).connection();
    await member.call(3);
    const sent = pattern(windowBytes);
    member.head(1);
    member.write(...dataOf(1, sent));
    member.answer(3, message);
    await caller.answer(3);
    expect(caller.dataBytes(1)).toBe(1_000);
    caller.call(5, message, { path });
    await member.request(5);
    expect(roomOn(1, member.frames)).toBeLessThanOrEqual(windowBytes / 4);
    caller.write(windowUpdate(0, 16 * MiB), windowUpdate(1, 16 * MiB));
    await member.next(({ type, stream }) => type === FrameType.windowUpdate && stream === 1);
    member.write(...dataOf(1, sent.subarray(0, windowBytes / 4)));
    member.trailers(1);
    const { body } = await caller.answer(1);
    expect(body.equals(Buffer.concat([sent, sent.subarray(0, windowBytes / 4)]))).toBe(true);
    expect(statusOn(1, caller).code).toBe('0');
  });

  it('a caller that leaves 32 MiB unread on all its streams gets no more until it reads or leaves', async () => {
    await using front = await Front.open(kind);
    const caller = await front.caller([Setting.initialWindowSize, 0]);
    const streams = Array.from({ length: 60 }, (_, i) => 2 * i + 1);
    for (const stream of streams) caller.call(stream, message, { path, open: true });
    const member = await (front.members[0] as FrameServer).connection();
    await member.call(119);
    const [piece, ends] = [dataOf(1, Buffer.alloc(windowBytes)), streams.slice(45)];
    let sent = 0;
    const room = () => 65_535 + roomOn(0, member.frames) - sent;
    // As much as is allowed; behind that an end, which tells when the front has read it.
    for (const end of ends) {
      for (const stream of streams.slice(sent / windowBytes, 45)) {
        if (room() < windowBytes) break;
        member.head(stream);
        member.write(...piece.map((frame) => Buffer.concat([frame.subarray(0, 5), uint32(stream), frame.subarray(9)])));
        sent += windowBytes;
      }
      member.trailers(end, [
        [':status', '200'],
        ['grpc-status', '0'],
      ]);
      await caller.next(isEnd(end));
    }
    expect(sent).toBeGreaterThanOrEqual(32 * MiB);
    expect(sent + room()).toBeLessThan(42 * MiB);
    const before = room();
    for (const stream of streams.slice(0, 20)) caller.write(resetFrame(stream, Code.cancel));
    await member.next(() => room() > before);
  });

  it('whoever gives up, the other side is told: a caller’s reset, its lost connection, a member’s reset', async () => {
    await using front = await Front.open(kind);
    const { caller, member } = await front.underWay();
    caller.call(3, message, { path, open: true });
    caller.call(5, message, { path, open: true });
    await member.call(5);
    caller.write(resetFrame(1, Code.cancel));
    expect((await member.next(isReset(1))).payload.readUInt32BE(0)).toBe(Code.cancel);
    member.write(resetFrame(3, Code.internal));
    await caller.next(isEnd(3));
    expect(statusOn(3, caller)).toEqual({
      code: '14',
      text: expect.stringContaining('the stream was reset: INTERNAL'),
    });
    expect(caller.frames.some(isEnd(5))).toBe(false);
    caller.close();
    await member.closed;
  });

  it.each([
    ['DATA before its head', (member: ServerConnection) => member.message(1, message)],
    ['a second head', (member: ServerConnection) => [member.head(1), member.head(1)]],
    ['no trailers', (member: ServerConnection) => [member.head(1), member.message(1, message, Flag.endStream)]],
    ['no status', (member: ServerConnection) => member.head(1, [['content-type', 'application/grpc']])],
  ])('an answer with %s is UNAVAILABLE, and the member is told', async (what, answer) => {
    await using front = await Front.open(kind);
    const { caller, member } = await front.underWay();
    answer(member);
    await caller.next(isEnd(1));
    expect(statusOn(1, caller)).toEqual({ code: '14', text: expect.stringContaining(what) });
    if (what !== 'no trailers') await member.next(isReset(1));
  });

  it('GOAWAY: what is above its number is UNAVAILABLE, what is below goes on, new calls go to the next', async () => {
    await using front = await Front.open(kind, { settings: [[], []] });
    const { caller, member } = await front.underWay();
    caller.call(3, message, { path, open: true });
    await member.call(3);
    member.write(goAway(1, Code.none));
    await caller.next(isEnd(3));
    expect(statusOn(3, caller)).toEqual({ code: '14', text: expect.stringContaining('going away') });
    caller.call(5, message, { path });
    const other = await (front.members[1] as FrameServer).connection();
    await other.request(1);
    other.answer(1, message);
    await caller.answer(5);
    member.answer(1, message);
    await caller.next(isEnd(1));
    expect(statusOn(1, caller).code).toBe('0');
    await member.closed;
  });

  it('a member that refuses is left for the next before the call is sent; one that is lost, after it', async () => {
    const [port] = await freePorts(1);
    await using front = await Front.open(kind, { settings: [[], []], urls: [`http://127.0.0.1:${port}`] });
    const { caller, member } = await front.underWay();
    member.socket.destroy();
    await caller.next(isEnd(1));
    expect(statusOn(1, caller)).toEqual({ code: '14', text: expect.stringContaining('the connection broke') });
    caller.call(3, message, { path });
    const other = await (front.members[1] as FrameServer).connection();
    await other.request(1);
    expect(front.members[0]?.connections).toHaveLength(1);
    other.answer(1, message);
    await caller.answer(3);
    expect(statusOn(3, caller).code).toBe('0');
  });

  it('above the streams that a member allows, calls wait for their turn, or go to the next when it goes', async () => {
    await using front = await Front.open(kind, { settings: [[[Setting.maxConcurrentStreams, 1]], []] });
    const { caller, member } = await front.underWay();
    caller.call(3, message, { path });
    await caller.fence();
    expect(member.frames.some(({ stream }) => stream === 3)).toBe(false);
    member.answer(1, message);
    await member.request(3);
    caller.call(5, message, { path });
    await caller.fence();
    member.write(goAway(3, Code.none));
    const other = await (front.members[1] as FrameServer).connection();
    await other.request(1);
    other.answer(1, message);
    member.answer(3, message);
    for (const stream of [3, 5]) {
      await caller.answer(stream);
      expect(statusOn(stream, caller).code).toBe('0');
    }
  });
});

describe('time, as calls are handed on', () => {
  expectNoLeaks();

  it('a member that falls silent is asked after 10 s, and left for the next after 5 s more', async () => {
    await using front = await Front.open('own', { settings: [[], []] });
    const { caller, member } = await front.underWay();
    await front.runtime.advance(9_999);
    expect(member.frames.some(({ type }) => type === FrameType.ping)).toBe(false);
    await front.runtime.advance(1);
    const ping = await member.next(({ type }) => type === FrameType.ping);
    member.write(encodeFrame(FrameType.ping, Flag.ack, 0, ping.payload));
    member.head(1);
    await caller.next(({ stream, type }) => stream === 1 && type === FrameType.headers);
    await front.runtime.advance(10_000);
    await front.runtime.advance(4_999);
    expect(caller.frames.some(isEnd(1))).toBe(false);
    await front.runtime.advance(1);
    await caller.next(isEnd(1));
    expect(statusOn(1, caller)).toEqual({ code: '14', text: expect.stringContaining('no sign of life') });
    caller.call(3, message, { path });
    const other = await (front.members[1] as FrameServer).connection();
    await other.request(1);
    other.answer(1, message);
    await caller.answer(3);
  });

  it('a member that fell silent while it had no calls is asked with the first and left 5 s later', async () => {
    await using front = await Front.open('own', { settings: [[], []] });
    const { caller, member } = await front.underWay();
    member.answer(1, message);
    await caller.answer(1);
    await front.runtime.advance(59_000);
    caller.call(3, message, { path });
    await member.request(3);
    await member.next(({ type }) => type === FrameType.ping);
    await front.runtime.advance(4_999);
    expect(caller.frames.some(isEnd(3))).toBe(false);
    await front.runtime.advance(1);
    await caller.next(isEnd(3));
    expect(statusOn(3, caller)).toEqual({ code: '14', text: expect.stringContaining('no sign of life') });
    caller.call(5, message, { path });
    await (await (front.members[1] as FrameServer).connection()).request(1);
  });

  it('requests of more than 32 MiB wait for a member that does not greet, and go to the next', async () => {
    await using silent = await FrameServer.start('silent');
    const settings: SettingPair[][] = [[[Setting.initialWindowSize, windowBytes]]];
    await using front = await Front.open('own', { settings, urls: [`http://${silent.address}`] });
    const caller = await front.caller();
    let sent = 0;
    const room = () => 65_535 + roomOn(0, caller.frames) - sent;
    const send = async (stream: number) => {
      if (room() < windowBytes) await caller.fence();
      if (room() < windowBytes) return;
      caller.write(callHead(stream, path), ...dataOf(stream, Buffer.alloc(windowBytes)));
      sent += windowBytes;
    };
    for (let i = 0; i < 70; i++) await send(2 * i + 1);
    expect(caller.goAwayCode).toBeUndefined();
    expect(sent).toBeGreaterThan(32 * MiB);
    expect(sent + room()).toBeLessThan(42 * MiB);
    const before = room();
    await front.runtime.advance(4_000);
    const member = await (front.members[0] as FrameServer).connection();
    member.write(windowUpdate(0, 64 * MiB));
    await caller.next(() => room() > before);
    await member.call(2 * (sent / windowBytes) - 1);
  });

  it('a member that does not greet is left for the next after 4 s; a caller may have given up', async () => {
    await using silent = await FrameServer.start('silent');
    await using front = await Front.open('own', { urls: [`http://${silent.address}`] });
    const caller = await front.caller();
    caller.call(1, message, { path });
    caller.call(3, message, { path, open: true });
    await (await silent.connection()).next(({ type }) => type === FrameType.settings);
    caller.write(resetFrame(3, Code.cancel));
    await caller.fence();
    await front.runtime.advance(4_000);
    const member = await (front.members[0] as FrameServer).connection();
    await member.request(1);
    member.answer(1, message);
    await caller.answer(1);
    caller.call(5, message, { path });
    // The next number is that of 5: 3 has never been sent.
    await member.request(3);
    expect(bodyOn(3, member.frames)).toEqual(Buffer.from(grpcFrame(message)));
    member.answer(3, message);
    await caller.answer(5);
  });
});
