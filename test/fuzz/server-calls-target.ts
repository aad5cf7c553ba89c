import { HpackEncoder } from '../../src/http2/hpack/encoder.js';
import { Flag, FrameType, preface } from '../../src/http2/protocol.js';
import { GrpcSession } from '../../src/server/grpc/grpc-session.js';
import { defaultLimits } from '../../src/server/grpc/limits.js';
import { H2Connection, type Wire } from '../../src/server/h2/h2-connection.js';
import type { Prng } from '../../src/sim/prng.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { grpcFrame } from '../../src/wire/grpc-frame.js';
import { EchoService } from '../server/support/echo-service.js';
import { encodeFrame, resetFrame, settingsFrame, uint32, windowUpdate } from '../transport/frames.js';
import { callFields } from '../transport/header-block.js';
import { mutated, pick } from './inputs.js';
import type { Target } from './targets.js';

const limits = { ...defaultLimits, maxStreams: 4, maxMessageBytes: 1_000, maxHeaderBytes: 1_000 };
const messages = ['stay', 'fail', 'x', '', 'metadata', 'undecodable', 'y'.repeat(300)];
/** What few streams of gibberish may have us write. */
const maxWrittenBytes = 100_000;

/** Calls that meet, on few streams, in any order and state. */
function calls(random: Prng): Buffer {
  const encoder = new HpackEncoder();
  const opens = (stream: number) => {
    const fields = callFields(pick(random, ['/test.Echo/Unary', '/test.Echo/Duplex', '/test.Echo/Duplex', '/a']));
    if (random.chance(0.2))
      fields.push(
        pick(random, [
          ['grpc-timeout', '1m'],
          ['content-length', '9'],
          ['x', 'y'],
        ]),
      );
    const block = encoder.encode(fields.map(([name, value]) => ({ name, value })));
    const flags = Flag.endHeaders | (random.chance(0.1) ? Flag.endStream : 0);
    return encodeFrame(FrameType.headers, flags, stream, block);
  };
  const says = (stream: number) => {
    const body = grpcFrame(Buffer.from(pick(random, messages)));
    const part = random.chance(0.2) ? body.subarray(0, random.below(body.length)) : body;
    return encodeFrame(FrameType.data, random.chance(0.3) ? Flag.endStream : 0, stream, part);
  };
  const parts: Buffer[] = [];
  for (let left = random.below(30); left > 0; left--) {
    const stream = 1 + 2 * random.below(6);
    const window = pick(random, [1, 20, 1_000, 2 ** 31 - 1]);
    const make = pick<() => Buffer>(random, [
      ...[() => opens(stream), () => opens(stream), () => says(stream), () => says(stream), () => says(stream)],
      () => resetFrame(stream, random.below(14)),
      () => windowUpdate(random.chance(0.5) ? 0 : stream, window),
      () => settingsFrame([4, pick(random, [0, 10, 65_535])]),
      () => encodeFrame(FrameType.ping, random.below(2), 0, random.bytes(8)),
      () => encodeFrame(FrameType.goAway, 0, 0, Buffer.concat([uint32(0), uint32(0)])),
    ]);
    parts.push(make());
  }
  return Buffer.concat(parts);
}

/** Keeps what is to be done later; takes everything, or nothing after so many bytes. */
class FuzzWire implements Wire {
  written = 0;
  #later: (() => void)[] = [];
  readonly #takesBytes: number;

  constructor(takesBytes: number) {
    this.#takesBytes = takesBytes;
  }

  write(chunks: readonly Buffer[]): boolean {
    for (const { length } of chunks) this.written += length;
    return this.written <= this.#takesBytes;
  }

  defer(fn: () => void): void {
    this.#later.push(fn);
  }

  later(fn: () => void): void {
    this.#later.push(fn);
  }

  end(): void {}

  destroy(): void {}

  turn(): void {
    for (const fn of this.#later.splice(0)) fn();
  }
}

/** Whatever a peer says, once it is gone nothing of it is left. */
export function serverCallsTarget(name: string, lose: (connection: H2Connection) => void): Target {
  const run = (bytes: Buffer) => {
    const [runtime, service, wire] = [
      new SimRuntime(),
      new EchoService(),
      new FuzzWire(bytes.length % 3 === 0 ? 60 : 1e9),
    ];
    const bugs: unknown[] = [];
    const report = (bug: unknown) => bugs.push(bug);
    const opened: GrpcSession[] = [];
    const facts = { isSecure: false, localAddress: undefined, remoteAddress: undefined, peer: {} };
    const connection = new H2Connection({ wire, limits, facts, nowMs: () => runtime.monotonicMs() }, (each) => {
      const session = new GrpcSession(each, { runtime, limits, service, report }, () => {});
      opened.push(session);
      return session;
    });
    const pieceBytes = 1 + (bytes.length % 97);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      connection.receive(bytes.subarray(at, at + pieceBytes));
      wire.turn();
    }
    if (wire.written > maxWrittenBytes) throw new Error(`${wire.written} bytes were answered`);
    if (service.openMax > limits.maxStreams) throw new Error(`${service.openMax} calls were open`);
    lose(connection);
    const [session] = opened as [GrpcSession];
    const left = { calls: session.calls, open: service.open, timers: runtime.pendingTimers, bugs: bugs.length };
    if (Object.values(left).some((count) => count !== 0)) throw new Error(`left over: ${JSON.stringify(left)}`);
  };
  const greeting = Buffer.concat([Buffer.from(preface, 'latin1'), settingsFrame()]);
  return { name, input: (random) => Buffer.concat([greeting, mutated(calls)(random)]), run };
}
