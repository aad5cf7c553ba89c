import fc from 'fast-check';
import { expect, it } from 'vitest';
import { utf8, utf8Text } from '../../src/core/bytes.js';
import { ConclaveError } from '../../src/core/errors.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { createService } from '../../src/server/service.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import type { RequestOp } from '../../src/store/messages.js';
import { LoopbackChannel } from '../../src/wire/loopback-channel.js';
import type { DuplexMethod } from '../../src/wire/methods.js';
import type { Duplex, DuplexListener, RpcOptions } from '../../src/wire/rpc-channel.js';
import { RpcStore } from '../../src/wire/rpc-store.js';
import { ToldWatch } from '../support/remote-stores.js';

/** A loopback whose streams can be lost, with whatever is on its way. */
class LossyChannel extends LoopbackChannel {
  readonly #streams = new Set<() => void>();

  override duplex<Request, Response>(
    method: DuplexMethod<Request, Response>,
    listener: DuplexListener<Response>,
    options: RpcOptions,
  ): Duplex<Request> {
    const call = super.duplex(method, listener, options);
    const lose = () => {
      call.cancel();
      listener.onEnd(new ConclaveError('UNAVAILABLE', 'lost', { outcome: 'unknown' }));
    };
    this.#streams.add(lose);
    const cancel = () => {
      this.#streams.delete(lose);
      call.cancel();
    };
    return { ...call, cancel };
  }

  loseStreams(): void {
    for (const lose of [...this.#streams]) lose();
    this.#streams.clear();
  }
}

type Step =
  /** One txn that writes all of `keys`. */
  | { readonly type: 'write'; readonly keys: readonly number[] }
  /** `from`: how many revisions back the watch starts; undefined: now. */
  | { readonly type: 'watch'; readonly key: number; readonly from: number | undefined }
  | { readonly type: 'cancel'; readonly at: number }
  /** Loses all streams this many microtasks after the step before. */
  | { readonly type: 'lose'; readonly turns: number }
  | { readonly type: 'compact'; readonly back: number }
  | { readonly type: 'wait'; readonly ms: number };

const keyNumber = fc.nat(2);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.uniqueArray(keyNumber, { minLength: 1 }).map((keys) => ({ type: 'write', keys }) as const),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ key: keyNumber, from: fc.option(fc.nat(6), { nil: undefined }) })
      .map((fields) => ({ type: 'watch', ...fields }) as const),
  },
  { weight: 1, arbitrary: fc.nat(5).map((at) => ({ type: 'cancel', at }) as const) },
  { weight: 3, arbitrary: fc.nat(12).map((turns) => ({ type: 'lose', turns }) as const) },
  { weight: 1, arbitrary: fc.nat(8).map((back) => ({ type: 'compact', back }) as const) },
  { weight: 2, arbitrary: fc.nat(300).map((ms) => ({ type: 'wait', ms }) as const) },
);

interface Watched {
  readonly key: string;
  readonly log: ToldWatch;
  readonly startRevision: bigint;
  cancelled: boolean;
}

it('a watch tells every change once and in order, whatever streams are lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const world = new World();
      for (const each of steps) await world.run(each);
      await world.settle();
      world.check();
      await world.close();
    }),
    { numRuns: 200 },
  );
});

class World {
  readonly #runtime = new SimRuntime();
  readonly #host = new EngineHost(this.#runtime);
  readonly #channel = new LossyChannel(createService(this.#host, { runtime: this.#runtime }));
  readonly #store = new RpcStore({ channels: [this.#channel], runtime: this.#runtime });
  readonly #watched: Watched[] = [];
  /** The keys that each revision wrote. */
  readonly #written = new Map<bigint, readonly string[]>();
  readonly #writing: Promise<unknown>[] = [];
  #revision = 1n;

  async run(step: Step): Promise<void> {
    switch (step.type) {
      case 'write':
        this.#write(step.keys.map((key) => `k${key}`));
        return;
      case 'watch':
        this.#watch(`k${step.key}`, step.from);
        return;
      case 'cancel':
        this.#cancel(this.#watched[step.at]);
        return;
      case 'lose':
        for (let turn = 0; turn < step.turns; turn++) await Promise.resolve();
        this.#channel.loseStreams();
        return;
      case 'compact': {
        const revision = this.#revision - BigInt(step.back);
        await this.#store.compact({ revision }).catch(() => {});
        return;
      }
      case 'wait':
        await this.#runtime.advance(step.ms);
    }
  }

  /** No more losses: every watch has the time to catch up. */
  async settle(): Promise<void> {
    await Promise.all(this.#writing);
    await this.#runtime.advance(5_000);
  }

  check(): void {
    for (const { key, log, startRevision, cancelled } of this.#watched) {
      const from = startRevision === 0n ? (log.created[0] ?? this.#revision) + 1n : startRevision;
      const expected = [...this.#written.keys()].filter((at) => at >= from && this.#written.get(at)?.includes(key));
      const told = log.events.map((event) => event.kv.modRevision);
      expect(log.created.length).toBeLessThanOrEqual(1);
      for (const event of log.events) expect(utf8Text(event.kv.key)).toBe(key);
      if (log.error !== undefined) expect(log.error.code).toBe('COMPACTED');
      if (cancelled || log.error !== undefined) expect(told).toEqual(expected.slice(0, told.length));
      else expect(told).toEqual(expected);
    }
  }

  async close(): Promise<void> {
    for (const watched of this.#watched) this.#cancel(watched);
    await this.#runtime.settle();
    expect(this.#host.stats().watchers).toBe(0);
    await this.#store.close();
    this.#host.close();
    expect(this.#runtime.pendingTimers).toBe(0);
  }

  #write(keys: readonly string[]): void {
    const success = keys.map((key): RequestOp => ({ type: 'put', request: { key: utf8(key) } }));
    const writing = this.#store.txn({ success }).then(({ header }) => {
      this.#written.set(header.revision, keys);
      if (header.revision > this.#revision) this.#revision = header.revision;
    });
    this.#writing.push(writing);
  }

  #watch(key: string, from: number | undefined): void {
    const back = this.#revision - BigInt(from ?? 0);
    const startRevision = from === undefined ? 0n : back > 0n ? back : 1n;
    const log = new ToldWatch(this.#store, { key: utf8(key), startRevision });
    this.#watched.push({ key, log, startRevision, cancelled: false });
  }

  #cancel(watched: Watched | undefined): void {
    if (watched === undefined) return;
    watched.cancelled = true;
    watched.log.cancel();
  }
}
