import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { H2Channel } from '../../src/channels/h2-channel.js';
import type { ConclaveError } from '../../src/core/errors.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { PasswordHasher } from '../../src/server/auth/password-hash.js';
import { type Server, type ServerOptions, startServer } from '../../src/server/server.js';
import type { Store } from '../../src/store/store.js';
import type { RpcChannel } from '../../src/wire/rpc-channel.js';
import { RpcStore } from '../../src/wire/rpc-store.js';
import type { CallName } from '../engine/operations.js';
import { findEtcd, type RunningEtcd, startEtcd } from '../support/etcd.js';
import { addressOf } from '../support/remote-stores.js';
import { describeSkipped } from '../support/skip.js';
import { plantedBugs } from './planted-bugs.js';
import { refusals } from './refusals.js';
import { type Sequence, sequence } from './steps.js';
import { Twins } from './twins.js';

/** `npm run test:differential` sets them: see start.js. */
const { CONCLAVE_SEQUENCES = '300', CONCLAVE_SEED, CONCLAVE_PATH } = process.env;
const sequences = Number(CONCLAVE_SEQUENCES);
const isLong = sequences > 300;

const found = await findEtcd({ own: true });
if ('missing' in found) describeSkipped('our server and etcd', found.missing, suite);
else describe('our server and etcd', suite);

function suite(): void {
  const runtime = new NodeRuntime();
  const options: ServerOptions = {
    runtime,
    listen: { host: '127.0.0.1', port: 0 },
    hasher: new PasswordHasher(runtime, 4),
    onBug: (error) => bugs.push(error),
  };
  const bugs: unknown[] = [];
  let etcd: RunningEtcd;
  let server: Server;
  let oracle: H2Channel;
  let subject: H2Channel;
  let number = 0;

  beforeAll(async () => {
    etcd = await startEtcd({ args: () => ['--bcrypt-cost=4'] });
    server = await startServer(options);
    [oracle, subject] = [etcd, server].map(({ url }) => new H2Channel({ address: addressOf(url) })) as [
      H2Channel,
      H2Channel,
    ];
  });

  afterAll(async () => {
    await oracle?.close();
    await subject?.close();
    await server?.close();
    await etcd?.stop();
    expect(bugs).toEqual([]);
  });

  /** Rejects if our server answers anything else than etcd. */
  function compare(each: Sequence, ours: RpcChannel = subject): Promise<void> {
    return Twins.run({ oracle, subject: ours, runtime, version: etcd.version, number: ++number }, each);
  }

  it(`give the same answers to ${sequences} random sequences`, { timeout: isLong ? 0 : 180_000 }, async () => {
    const seed = CONCLAVE_SEED === undefined ? {} : { seed: Number(CONCLAVE_SEED) };
    const path = CONCLAVE_PATH === undefined ? {} : { path: CONCLAVE_PATH };
    let run = 0;
    await fc.assert(
      fc.asyncProperty(sequence, async (each) => {
        await compare(each);
        if (isLong && ++run % 1_000 === 0) console.log(`${run} sequences`);
      }),
      { numRuns: sequences, ...seed, ...path },
    );
  });

  it('refuse the same requests with the same words', async () => {
    const [theirs, ours] = [oracle, subject].map((channel) => new RpcStore({ channels: [channel], runtime })) as [
      RpcStore,
      RpcStore,
    ];
    for (const [name, request] of refusals) {
      const [expected, got] = await Promise.all([refusalOf(theirs, name, request), refusalOf(ours, name, request)]);
      expect([name, request, got]).toEqual([name, request, expected]);
    }
  });

  it.each(Object.entries(plantedBugs))(
    'would not, if ours %s: this check finds it',
    async (_, plant) => {
      const own = await startServer(options);
      const channel = new H2Channel({ address: addressOf(own.url) });
      const check = await fc.check(
        fc.asyncProperty(sequence, (each) => compare(each, plant(channel))),
        // Of sequences known to bring it out: a find must not hang on luck.
        { numRuns: 300, endOnFailure: true, seed: plantedSeed },
      );
      await channel.close();
      await own.close();
      expect(check.failed).toBe(true);
      // It is the plant that was found.
      for (const each of check.counterexample ?? []) await compare(each);
    },
    120_000,
  );
}

const plantedSeed = 20_261_127;

async function refusalOf(store: Store, name: CallName, request: object): Promise<string> {
  const calls = store as unknown as Record<CallName, (request: object) => Promise<object>>;
  try {
    await calls[name](request);
    return 'not refused';
  } catch (error) {
    return `${(error as ConclaveError).code}: ${(error as Error).message}`;
  }
}
