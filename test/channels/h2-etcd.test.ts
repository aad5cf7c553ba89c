import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { utf8, utf8Text } from '../../src/core/bytes.js';
import { ConclaveError } from '../../src/core/errors.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { kvMethods, watchMethods } from '../../src/wire/methods.js';
import { findEtcd, type RunningEtcd, startEtcd } from '../support/etcd.js';
import { expectNoLeaks } from '../support/leaks.js';
import { addressOf } from '../support/remote-stores.js';
import { describeSkipped } from '../support/skip.js';
import { type Claim, falseClaims } from './claims.js';

const found = await findEtcd({ own: true });
if ('missing' in found) describeSkipped('H2Channel and real etcd', found.missing, suite);
else describe('H2Channel and real etcd', suite);

function suite(): void {
  expectNoLeaks();
  let etcd: RunningEtcd;
  let channel: H2Channel;
  const put = (key: string, value: Uint8Array) =>
    channel.unary(kvMethods.put, { key: utf8(key), value, lease: 0n }, {});

  beforeAll(async () => {
    etcd = await startEtcd();
    channel = new H2Channel({ address: addressOf(etcd.url) });
  });
  afterEach(() => channel.close());
  afterAll(() => etcd?.stop());

  it('creates 10,000 watches at once, past etcd’s windows, and takes an answer of 9 MiB', async () => {
    const created = new Set<bigint>();
    const all = new Promise<void>((resolve, reject) => {
      const call = channel.duplex(
        watchMethods.watch,
        {
          onMessage: ({ created: isCreated, watchId }) => {
            if (isCreated) created.add(watchId);
            if (created.size === 10_000) resolve();
          },
          onEnd: (error) => reject(error ?? new Error('it ended')),
        },
        {},
      );
      for (let i = 0; i < 10_000; i++) {
        call.send({ type: 'create', request: { key: utf8(`watched/${i}/${'x'.repeat(40)}`) } });
      }
    });
    await all;
    const mebibyte = Buffer.alloc(1024 * 1024, 7);
    await Promise.all(Array.from({ length: 9 }, (_, i) => put(`large/${i}`, mebibyte)));
    const range = { key: utf8('large/'), rangeEnd: utf8('large0') };
    const { kvs } = await channel.unary(kvMethods.range, range, {});
    expect(kvs.map(({ value }) => mebibyte.equals(value))).toEqual(Array(9).fill(true));
  });

  it('finds out that etcd stands still, and goes on when it does', async () => {
    const runtime = new SimRuntime();
    channel = new H2Channel({ address: addressOf(etcd.url), clock: runtime });
    await put('still', utf8('1'));
    await etcd.pause();
    const waiting = put('still', utf8('2')).catch((error: unknown) => error);
    await runtime.advance(10_000);
    await runtime.advance(5_000);
    const silent = expect.stringContaining('no sign of life');
    expect(await waiting).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown', message: silent });
    await etcd.resume();
    await put('still', utf8('3'));
    const { kvs } = await channel.unary(kvMethods.range, { key: utf8('still') }, {});
    expect(kvs[0]?.value.toString()).toBe('3');
  });

  it.each([
    ['is killed', (each: RunningEtcd) => each.kill()],
    ['shuts down in order', (each: RunningEtcd) => each.restart()],
  ] as const)(
    'never says that a put was not applied that was, nor that it was when it was not: etcd %s',
    async (title, end) => {
      channel = new H2Channel({ address: addressOf(etcd.url) });
      const outcomes = new Map<string, Claim>();
      let isEnding = false;
      let enough: () => void = () => {};
      const started = new Promise<void>((resolve) => {
        enough = resolve;
      });
      const write = async (worker: number) => {
        for (let i = 0; !isEnding || i === 0; i++) {
          const key = `${title}/${worker}/${i}`;
          try {
            await put(key, utf8('v'));
            outcomes.set(key, 'applied');
            if (outcomes.size > 500) enough();
          } catch (error) {
            outcomes.set(key, ConclaveError.from(error).outcome);
            // Goes on until the connection is refused, so that all kinds of ends are met.
            if (outcomes.get(key) === 'not-applied' && isEnding) return;
            await new Promise(setImmediate);
          }
        }
      };
      const workers = Promise.all(Array.from({ length: 50 }, (_, worker) => write(worker)));
      await started;
      const ended = end(etcd);
      isEnding = true;
      await Promise.all([workers, ended]);
      await channel.close();
      await etcd.restart();
      channel = new H2Channel({ address: addressOf(etcd.url) });
      const { kvs } = await channel.unary(kvMethods.range, { key: utf8(`${title}/`), rangeEnd: utf8(`${title}0`) }, {});
      const there = new Set(kvs.map(({ key }) => utf8Text(key)));
      expect(falseClaims(outcomes, there)).toEqual([]);
      expect([...outcomes.values()].filter((each) => each === 'applied').length).toBeGreaterThan(400);
    },
  );
}
