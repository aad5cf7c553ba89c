import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { expect, it } from 'vitest';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { TestGrpc } from '../server/support/test-grpc.js';
import { allCases, meet } from './conformance.js';
import { decodeFrames, encodeFrame, Flag, type Frame, FrameType } from './frames.js';
import type { TransportUnderTest } from './transport-case.js';

/** What becomes of a frame of the server's on its way to the peer. */
type Tamper = (frame: Frame) => readonly Frame[];

const twice =
  (type: number, flags: number): Tamper =>
  (frame) =>
    frame.type === type && frame.flags === flags ? [frame, frame] : [frame];
const without =
  (type: number): Tamper =>
  (frame) =>
    frame.type === type ? [] : [frame];

/** Faults of a transport, and a case that must find each. */
const planted: readonly (readonly [fault: string, tamper: Tamper, title: string])[] = [
  ['resets that are not sent', without(FrameType.reset), 'refuses a request without a path'],
  [
    'a window that is not kept',
    twice(FrameType.data, Flag.none),
    'sends as much as a stream’s window has room for, and the rest when there is more',
  ],
  ['settings that are confirmed twice', twice(FrameType.settings, Flag.ack), 'confirms each SETTINGS once'],
  ['a PING that is answered twice', twice(FrameType.ping, Flag.ack), 'answers a PING with its own bytes'],
  ['GOAWAY that comes first', goAwayFirst(), 'says its settings first of all'],
];

it.each(planted)('%s: found', async (_, tamper, title) => {
  const found = allCases.find((each) => each.title === title);
  if (found === undefined) throw new Error(`no case has the title ${title}`);
  await expect(meet(() => startTampered(tamper), found)).rejects.toThrow();
});

function goAwayFirst(): Tamper {
  let first = true;
  return (frame) => {
    if (!first) return [frame];
    first = false;
    return [{ type: FrameType.goAway, flags: 0, stream: 0, payload: Buffer.alloc(8) }, frame];
  };
}

/** A transport that keeps the rules, behind a proxy that breaks them. */
async function startTampered(tamper: Tamper): Promise<TransportUnderTest> {
  const runtime = new SimRuntime();
  const grpc = await TestGrpc.start(runtime);
  const proxy = await startProxy(grpc.port, tamper);
  return {
    port: (proxy.address() as AddressInfo).port,
    stats: () => grpc.stats(),
    advance: (ms) => runtime.advance(ms),
    closeServer: async () => {
      proxy.close();
      await grpc.closeServer();
    },
  };
}

async function startProxy(port: number, tamper: Tamper): Promise<Server> {
  const proxy = createServer((client) => {
    const server = connect({ port, host: '127.0.0.1' });
    client.pipe(server);
    let rest: Buffer = Buffer.alloc(0);
    server.on('data', (chunk: Buffer) => {
      const { frames, rest: left } = decodeFrames(Buffer.concat([rest, chunk]));
      rest = left;
      for (const { type, flags, stream, payload } of frames.flatMap(tamper)) {
        client.write(encodeFrame(type, flags, stream, payload));
      }
    });
    for (const each of [client, server]) each.on('error', () => {});
    server.once('close', () => client.destroy());
    client.once('close', () => server.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return proxy;
}
