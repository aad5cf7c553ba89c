import { constants } from 'node:http2';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Prng } from '../../src/sim/prng.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { grpcFrame } from '../../src/wire/grpc-frame.js';
import { encodeFrame } from '../transport/frames.js';
import { RawPeer } from './support/raw-peer.js';
import { TestGrpc } from './support/test-grpc.js';

const unary = '/test.Echo/Unary';
const duplex = '/test.Echo/Duplex';

describe('a gRPC server among hostile peers', () => {
  let runtime: SimRuntime;
  let server: TestGrpc;
  const failures: unknown[] = [];
  const onFailure = (error: unknown) => failures.push(error);

  beforeEach(async () => {
    failures.length = 0;
    process.on('uncaughtException', onFailure);
    runtime = new SimRuntime();
    server = await TestGrpc.start(runtime);
  });
  afterEach(async () => {
    await server.closeClients();
    // Some connections end only when they give no sign of life: see `SessionWatch`.
    await passUntil(() => server.stats().sessions === 0);
    expect(server.stats().calls).toBe(0);
    await server.close();
    process.off('uncaughtException', onFailure);
    expect(failures).toEqual([]);
    expect(server.bugs).toEqual([]);
    expect(server.service.open).toBe(0);
  });

  /** Time passes, in steps that leave the sockets room, until `condition` holds; it must within `seconds`. */
  const passUntil = async (condition: () => boolean, seconds = 100) => {
    for (let second = 0; second < seconds && !condition(); second++) {
      await runtime.advance(1_000);
      for (let turn = 0; turn < 20; turn++) await runtime.settle();
    }
    expect(condition()).toBe(true);
  };

  it('ends a connection that opens and resets streams without end', async () => {
    const peer = await new RawPeer(server.port).handshake();
    peer.openAndReset(duplex, 20_000);
    // nghttp2 stops listening to it; that it is dead shows when it gives no sign of life.
    await passUntil(() => server.service.openMax > 0 && server.stats().sessions === 0);
    await peer.closed;
    expect(server.service.opens).toBeLessThan(20_000);
    const client = await server.connect();
    expect(await client.call(unary, 'alive')).toMatchObject({ status: '0' });
  });

  it('survives random bytes after the handshake', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 400 }), async (bytes) => {
        const peer = await new RawPeer(server.port).handshake();
        peer.socket.end(bytes);
        peer.socket.destroySoon();
        await peer.closed;
      }),
      { numRuns: 60 },
    );
    const client = await server.connect();
    expect(await client.call(unary, 'alive')).toMatchObject({ status: '0' });
  });

  it('survives random frames around a call', async () => {
    const frames = fc.array(
      fc.record({
        type: fc.nat({ max: 10 }),
        flags: fc.nat({ max: 255 }),
        stream: fc.constantFrom(0, 1, 3),
        payload: fc.uint8Array({ maxLength: 40 }),
      }),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(frames, async (sent) => {
        const peer = await new RawPeer(server.port).handshake();
        peer.openCalls(duplex, 1, grpcFrame(Buffer.from('stay')));
        for (const { type, flags, stream, payload } of sent)
          peer.socket.write(encodeFrame(type, flags, stream, payload));
        peer.socket.destroySoon();
        await peer.closed;
      }),
      { numRuns: 60 },
    );
    const client = await server.connect();
    expect(await client.call(unary, 'alive')).toMatchObject({ status: '0' });
  });

  it.each([1, 2, 3])('frees everything when clients cancel, reset and vanish at random (seed %i)', async (seed) => {
    const random = new Prng(seed);
    const pick = <T>(choices: readonly T[]) => choices[(random.bytes(1)[0] as number) % choices.length] as T;
    const clients = await Promise.all(Array.from({ length: 8 }, () => server.connect({ initialWindowSize: 20_000 })));
    const acts: Promise<unknown>[] = [];
    for (let i = 0; i < 300; i++) {
      const client = pick(clients);
      if (client.session.destroyed || client.session.closed) continue;
      const stream = client.open(pick([unary, duplex]));
      const act = pick(['echo', 'stay', 'flood 2', 'fail', 'hang']);
      stream.write(grpcFrame(Buffer.from(act)));
      if (pick([true, false])) stream.resume();
      const end = pick(['end', 'cancel', 'reset', 'half', 'vanish', 'later']);
      if (end === 'end') stream.end();
      if (end === 'cancel') stream.close(constants.NGHTTP2_CANCEL);
      if (end === 'reset') stream.destroy();
      if (end === 'half') stream.end(Buffer.from([0, 0, 0]));
      if (end === 'vanish' && i % 20 === 0) acts.push(client.close());
      if (pick([true, false, false])) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(acts);
    // They say goodbye as they go: no need to wait for the next PING.
    await server.closeClients();
    await passUntil(() => server.stats().sessions === 0, 25);
  });
});
