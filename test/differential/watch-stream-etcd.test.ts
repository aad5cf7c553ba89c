import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { H2Channel } from '../../src/channels/h2-channel.js';
import { concatBytes, noBytes, prefixEnd } from '../../src/core/bytes.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import type {
  CompactionRequest,
  PutRequest,
  TxnRequest,
  WatchCreateRequest,
  WatchRequest,
  WatchResponse,
} from '../../src/store/messages.js';
import { kvMethods, watchMethods } from '../../src/wire/methods.js';
import { debase, type Place } from '../engine/rebase.js';
import { b } from '../engine/support.js';
import { findEtcd, type RunningEtcd, startEtcd } from '../support/etcd.js';
import { addressOf } from '../support/remote-stores.js';
import { describeSkipped } from '../support/skip.js';

/** One Watch stream and the store behind it. Every method resolves when the store has answered. */
interface Side {
  readonly place: Place;
  readonly responses: WatchResponse[];
  send(request: WatchRequest): void;
  txn(request: TxnRequest): Promise<{ readonly header: { readonly revision: bigint } }>;
  compact(request: CompactionRequest): Promise<unknown>;
  /** Resolves when so many responses have come. */
  received(count: number): Promise<void>;
  close(): void;
}

/** What the script of a test can do, on both sides at once. */
interface Script {
  create(request: Omit<Partial<WatchCreateRequest>, 'key' | 'rangeEnd'> & { key?: string; rangeEnd?: string }): void;
  cancel(watchId: bigint): void;
  progress(): void;
  /** The puts in one revision. */
  put(...puts: readonly (readonly [key: string, value?: string])[]): void;
  delete(key: string): void;
  compact(relative: bigint): void;
}

type Step = (side: Side) => Promise<void> | void;

const found = await findEtcd({ own: true });
if ('missing' in found) describeSkipped('a Watch stream of the engine and of etcd', found.missing, suite);
else describe('a Watch stream of the engine and of etcd', suite);

function suite(): void {
  let etcd: RunningEtcd;
  let number = 0;

  beforeAll(async () => {
    etcd = await startEtcd();
  });

  afterAll(() => etcd?.stop());

  async function compare(write: (script: Script) => void): Promise<void> {
    const steps: Step[] = [];
    write(scriptOf(steps));
    const channel = new H2Channel({ address: addressOf(etcd.url) });
    const host = new EngineHost(new SimRuntime());
    try {
      const prefix = `s/${String(++number).padStart(4, '0')}/`;
      const oracle = await etcdSide(channel, prefix);
      const subject = await engineSide(host, prefix);
      for (const step of steps) {
        await step(subject);
        await step(oracle);
        // Etcd answers what the engine answers before the next step comes; it may say no more than that.
        await oracle.received(subject.responses.length);
      }
      const said = (side: Side) => debase(side.responses, side.place);
      expect(said(subject)).toEqual(said(oracle));
      oracle.close();
    } finally {
      host.close();
      await channel.close();
    }
  }

  /** Ends each script: what comes before its answer is all there is. */
  const flush = (script: Script) => script.create({ key: 'zz', watchId: 99n });

  it('draw, take, refuse and free ids alike', async () => {
    await compare((script) => {
      for (const watchId of [0n, 0n, 5n, 5n]) script.create({ watchId });
      script.cancel(1n);
      script.cancel(1n);
      script.cancel(77n);
      script.create({});
      flush(script);
    });
  });

  it('refuse empty ranges, and take an open end', async () => {
    await compare((script) => {
      script.create({ key: 'b', rangeEnd: 'a' });
      script.create({ key: 'b', rangeEnd: 'b' });
      script.create({ key: 'b', rangeEnd: '\0' });
      script.put(['c', '1']);
      flush(script);
    });
  });

  it('tell one revision in one response, and filter', async () => {
    await compare((script) => {
      script.create({ rangeEnd: 'c', prevKv: true, filters: [1] });
      script.put(['a', '1'], ['b', '1'], ['c', '1']);
      script.delete('a');
      script.put(['a', '2'], ['b', '2']);
      script.create({ filters: [0, 1] });
      script.put(['b', '3']);
      flush(script);
    });
  });

  it('bring the past in one response with the present in its header', async () => {
    await compare((script) => {
      for (const value of ['1', '2', '3']) script.put(['a', value]);
      script.put(['x', '1']);
      script.create({ startRevision: 2n, prevKv: true });
      script.put(['a', '4']);
      script.create({ startRevision: 9n });
      flush(script);
    });
  });

  it('end a watch of the compacted past, whose id stays until it is cancelled', async () => {
    await compare((script) => {
      for (const value of ['1', '2', '3']) script.put(['a', value]);
      script.compact(3n);
      script.create({ startRevision: 2n, watchId: 7n });
      script.cancel(7n);
      script.cancel(7n);
      flush(script);
    });
  });

  it('tell progress of a synced stream', async () => {
    await compare((script) => {
      script.create({});
      script.put(['x', '1']);
      script.progress();
      flush(script);
    });
  });

  it('split what is too large for one message where that is allowed', async () => {
    const large = 'v'.repeat(480_000);
    await compare((script) => {
      for (const _ of ['before', 'after']) script.put(['a', large], ['b', large], ['c', large]);
      script.create({ rangeEnd: 'z', startRevision: 2n, prevKv: true, fragment: true });
      flush(script);
    });
  });
}

function scriptOf(steps: Step[]): Script {
  const key = (side: Side, text: string) => concatBytes(b(side.place.prefix), b(text));
  const end = (side: Side, text: string) => (text === '' || text === '\0' ? b(text) : key(side, text));
  const absolute = (side: Side, relative = 0n) => (relative === 0n ? 0n : relative + side.place.baseRevision);
  return {
    create: ({ key: text = 'a', rangeEnd = '', startRevision, ...rest }) => {
      steps.push((side) => {
        const range = { key: key(side, text), rangeEnd: end(side, rangeEnd) };
        side.send({ type: 'create', request: { ...rest, ...range, startRevision: absolute(side, startRevision) } });
      });
    },
    cancel: (watchId) => steps.push((side) => side.send({ type: 'cancel', watchId })),
    progress: () => steps.push((side) => side.send({ type: 'progress' })),
    put: (...puts) => {
      const requests = (side: Side): PutRequest[] =>
        puts.map(([text, value = '']) => ({ key: key(side, text), value: b(value) }));
      const ops = (side: Side) => requests(side).map((request) => ({ type: 'put', request }) as const);
      steps.push(async (side) => void (await side.txn({ success: ops(side) })));
    },
    delete: (text) => {
      const op = (side: Side) => ({ type: 'deleteRange', request: { key: key(side, text) } }) as const;
      steps.push(async (side) => void (await side.txn({ success: [op(side)] })));
    },
    compact: (relative) =>
      steps.push(async (side) => void (await side.compact({ revision: absolute(side, relative) }))),
  };
}

async function etcdSide(channel: H2Channel, prefix: string): Promise<Side> {
  const responses: WatchResponse[] = [];
  let waiting: (() => void)[] = [];
  const onMessage = (response: WatchResponse) => {
    responses.push(response);
    for (const wake of waiting.splice(0)) wake();
  };
  const stream = channel.duplex(watchMethods.watch, { onMessage, onEnd: () => {} }, {});
  const txn = (request: TxnRequest) => channel.unary(kvMethods.txn, request, {});
  return {
    place: await placeOf(prefix, txn),
    responses,
    send: (request) => stream.send(request),
    txn,
    compact: (request) => channel.unary(kvMethods.compact, request, {}),
    received: async (count) => {
      // Bounded by the test's time limit.
      while (responses.length < count) {
        await new Promise<void>((resolve) => {
          waiting = [...waiting, resolve];
        });
      }
    },
    close: () => stream.cancel(),
  };
}

async function engineSide(host: EngineHost, prefix: string): Promise<Side> {
  const responses: WatchResponse[] = [];
  const stream = host.openWatchStream((response) => responses.push(response));
  const txn = async (request: TxnRequest) => host.txn(request);
  return {
    place: await placeOf(prefix, txn),
    responses,
    send: (request) => stream.handle(request),
    txn,
    compact: async (request) => host.compact(request),
    received: async () => {},
    close: () => stream.close(),
  };
}

/** The sequence begins with a put, so that its revisions have a beginning, and earlier keys of the prefix are gone. */
async function placeOf(prefix: string, txn: Side['txn']): Promise<Place> {
  const key = b(prefix);
  const clear = { type: 'deleteRange', request: { key: concatBytes(key, b('a')), rangeEnd: prefixEnd(key) } } as const;
  const mark = { type: 'put', request: { key: b(prefix), value: noBytes } } as const;
  const { header } = await txn({ success: [clear, mark] });
  return { prefix, baseRevision: header.revision, leaseBase: 0n };
}
