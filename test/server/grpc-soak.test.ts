import { constants } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { Prng } from '../../src/sim/prng.js';
import { grpcFrame } from '../../src/wire/grpc-frame.js';
import { type RawClient, readAnswer } from './support/raw-client.js';
import { TestGrpc } from './support/test-grpc.js';
import { eventually } from './support/wait.js';

const windows = [40, 1_000, 16_384, 65_535, 1_048_576];
const sizes = [0, 1, 100, 5_000, 16_374, 16_384, 70_000, 300_000];

function pick<T>(random: Prng, choices: readonly T[]): T {
  return choices[random.below(choices.length)] as T;
}

/** Calls of one client, all at once: of many sizes, in pieces, some given up. Tells of those that went wrong. */
async function talk(client: RawClient, window: number, seed: number): Promise<string[]> {
  const random = new Prng(seed);
  // A small window is a frame for every few bytes.
  const fitting = sizes.filter((size) => size <= 200 * window);
  const calls = Array.from({ length: 30 }, async (_, i) => {
    const isUnary = random.chance(0.4);
    const sent = Array.from({ length: isUnary ? 1 : random.below(6) }, () =>
      Buffer.from(random.bytes(pick(random, fitting))),
    );
    const stream = client.open(isUnary ? '/test.Echo/Unary' : '/test.Echo/Duplex');
    const answer = readAnswer(stream);
    const givesUp = random.chance(0.15);
    for (const piece of pieces(random, Buffer.concat(sent.map((each) => grpcFrame(each))))) {
      stream.write(piece);
      if (random.chance(0.1)) await new Promise(setImmediate);
    }
    if (givesUp) stream.close(constants.NGHTTP2_CANCEL);
    else stream.end();
    const { status, messages } = await answer;
    const isRight = status === '0' && Buffer.concat(messages).equals(Buffer.concat(sent));
    return givesUp || isRight
      ? ''
      : `call ${i} of window ${window}: status ${status}, ${sent.map((each) => each.length)}`;
  });
  return (await Promise.all(calls)).filter((wrong) => wrong !== '');
}

function pieces(random: Prng, bytes: Buffer): Buffer[] {
  const cut = [0, random.below(bytes.length + 1), random.below(bytes.length + 1), bytes.length].sort((a, b) => a - b);
  return cut.slice(1).map((end, i) => bytes.subarray(cut[i], end));
}

/** More of them: `CONCLAVE_SOAK_SEEDS=200 npx vitest run test/server/grpc-soak.test.ts`. */
const { CONCLAVE_SOAK_SEEDS = '1' } = process.env;

describe('many calls at once', () => {
  let server: TestGrpc;
  afterEach(() => server.close());

  const talkOfAll = async (seed: number) => {
    const wrong = windows.map(async (window, i) => {
      const client = await server.connect({ initialWindowSize: window });
      return talk(client, window, seed + i);
    });
    return (await Promise.all(wrong)).flat();
  };

  it('come back as they were sent, through windows of any size', { timeout: 0 }, async () => {
    server = await TestGrpc.start(new NodeRuntime());
    for (let seed = 1; seed <= Number(CONCLAVE_SOAK_SEEDS); seed++) {
      expect(await talkOfAll(100 * seed), `seed ${seed}`).toEqual([]);
      await server.closeClients();
    }
    await eventually(() => server.stats().calls === 0);
    expect(server.bugs).toEqual([]);
  });

  it('would not, if a byte of every long one were lost: this check finds it', async () => {
    server = await TestGrpc.start(new NodeRuntime());
    const { service } = server;
    const unary = service.unary.bind(service);
    service.unary = (path) => {
      const handler = unary(path);
      if (handler === undefined) return undefined;
      const lossy: typeof handler.handle = async (request, context) => {
        const answer = await handler.handle(request, context);
        return answer.length > 65_535 ? answer.subarray(1) : answer;
      };
      return { method: handler.method, handle: lossy };
    };
    expect(await talkOfAll(1)).not.toEqual([]);
  });
});
