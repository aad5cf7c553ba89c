import { afterEach, describe, expect, it } from 'vitest';
import { H2Channel } from '../../src/channels/h2-channel.js';
import type { Conclave } from '../../src/conclave.js';
import { randomHex } from '../../src/core/runtime.js';
import { Scope } from '../../src/core/scope.js';
import { EngineHost } from '../../src/engine/engine-host.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { startServer } from '../../src/server/server.js';
import { RpcStore } from '../../src/wire/rpc-store.js';
import { etcdctl, findEtcdctl } from '../cli/support/cli.js';
import type { Program } from '../cli/support/program.js';
import { describeEtcd } from '../support/etcd.js';
import { errorOf } from '../support/sim-world.js';
import { describeSkipped } from '../support/skip.js';
import { overStore, untilCount } from './recipe-fixture.js';

const runtime = new NodeRuntime();

/** One server, our client and etcdctl, each on it. */
interface Beside {
  readonly conclave: Conclave;
  readonly name: string;
  etcdctl(...args: string[]): Program;
  /** Resolves when exactly `count` keys are below the name. */
  places(count: number): Promise<void>;
}

function besideEtcdctl(open: (scope: Scope) => Promise<string>): void {
  let scope = new Scope();
  afterEach(async () => {
    await scope.close();
    scope = new Scope();
  });

  const start = async (): Promise<Beside> => {
    const url = await open(scope);
    const store = new RpcStore({ channels: [new H2Channel({ address: new URL(url).host })], runtime });
    scope.add(() => store.close());
    const conclave = overStore(store, runtime, '');
    scope.add(() => conclave.close());
    const name = `/conclave-test/${randomHex(runtime)}`;
    return {
      conclave,
      name,
      etcdctl: (...args) => {
        const program = etcdctl(url, args);
        scope.add(() => program[Symbol.asyncDispose]());
        return program;
      },
      places: (count) => untilCount(store, runtime, `${name}/`, count),
    };
  };

  it('LOCK-11: our lock waits for that of etcdctl, tryLock sees it, inspectLock shows it', async () => {
    const { conclave, name, etcdctl, places } = await start();
    const theirs = etcdctl('lock', name);
    const key = await theirs.line();
    expect(await conclave.tryLock(name)).toBeNull();
    const waiting = conclave.lock(name);
    await places(2);
    const { holder, waiters } = await conclave.inspectLock(name);
    expect(holder).toMatchObject({ key, ageMs: undefined });
    expect(waiters).toHaveLength(1);
    theirs.kill('SIGINT');
    const held = await waiting;
    expect(held.fence).toBeGreaterThan(holder?.fence ?? 0n);
    await held.release();
    await places(0);
  });

  it('RWLOCK-7: etcdctl waits for our readers and writers, and is a writer to them', async () => {
    const { conclave, name, etcdctl, places } = await start();
    const lock = conclave.rwLock(name);
    const readers = [await lock.read(), await lock.read()];
    const theirs = etcdctl('lock', name);
    await places(3);
    expect(await lock.tryRead()).toBeNull();
    const waiting = lock.read();
    await places(4);
    for (const each of readers) await each.release();
    expect(await theirs.line()).toMatch(name);
    expect(await lock.tryRead()).toBeNull();
    theirs.kill('SIGINT');
    const held = await waiting;
    expect(held.mode).toBe('read');
    await held.release();
    const writer = await lock.write();
    await writer.release();
    await places(0);
  });

  it('LOCK-11: etcdctl waits for our lock, and we for it again, in order', async () => {
    const { conclave, name, etcdctl, places } = await start();
    const held = await conclave.lock(name);
    const theirs = etcdctl('lock', name);
    await places(2);
    const order: string[] = [];
    const line = theirs.line().then((key) => order.push(`etcdctl ${key.startsWith(`${name}/`)}`));
    const last = conclave.lock(name).then((each) => {
      order.push('ours');
      return each;
    });
    await places(3);
    order.push('release');
    await held.release();
    await line;
    theirs.kill('SIGINT');
    await (await last).release();
    expect(order).toEqual(['release', 'etcdctl true', 'ours']);
  });

  it('ELECTION-11: our candidate follows the leader of etcdctl, and the other way round', async () => {
    const { conclave, name, etcdctl, places } = await start();
    const election = conclave.election(name);
    const theirs = etcdctl('elect', name, 'theirs');
    const [key, value] = [await theirs.line(), await theirs.line()];
    expect(await election.leader()).toMatchObject({ key, value });
    const campaign = election.campaign('ours');
    await places(2);
    expect((await election.candidates()).map((each) => each.value)).toEqual(['theirs', 'ours']);
    theirs.kill('SIGINT');
    const leadership = await campaign;
    const follower = etcdctl('elect', name, 'theirs again');
    await places(2);
    const listener = etcdctl('elect', '-l', name);
    expect([await listener.line(), await listener.line()]).toEqual([leadership.key, 'ours']);
    await leadership.proclaim('ours, warm');
    expect([await listener.line(), await listener.line()]).toEqual([leadership.key, 'ours, warm']);
    await leadership.resign();
    expect([await follower.line(), await follower.line()]).toEqual([
      expect.stringMatching(new RegExp(`^${name}/`)),
      'theirs again',
    ]);
    expect(await election.leader()).toMatchObject({ value: 'theirs again' });
    follower.kill('SIGINT');
    await places(0);
  });

  it('ELECTION-11, ELECTION-13: ours hands over to ours and to that of etcdctl, never past it', async () => {
    const { conclave, name, etcdctl, places } = await start();
    const election = conclave.election(name);
    const leader = await election.campaign('first');
    const second = election.campaign('second');
    await places(2);
    const third = election.campaign('third');
    await places(3);
    const theirs = etcdctl('elect', name, 'theirs');
    await places(4);
    const last = election.campaign('last', { priority: 9 });
    await places(5);
    const listener = etcdctl('elect', '-l', name);
    expect([await listener.line(), await listener.line()]).toEqual([leader.key, 'first']);
    expect(await errorOf(leader.handOver('last'))).toMatchObject({ code: 'FAILED_PRECONDITION' });
    await leader.handOver('third');
    const next = await third;
    expect([await listener.line(), await listener.line()]).toEqual([next.key, 'third']);
    // It was sent behind theirs, which waits for a place that is gone, and for the one before that.
    expect((await election.candidates()).map(({ value }) => value)).toEqual(['third', 'theirs', 'last', 'second']);
    await next.handOver('theirs');
    const key = await theirs.line();
    expect(await theirs.line()).toBe('theirs');
    expect([await listener.line(), await listener.line()]).toEqual([key, 'theirs']);
    theirs.kill('SIGINT');
    const ranked = await last;
    expect([await listener.line(), await listener.line()]).toEqual([ranked.key, 'last']);
    await ranked.resign();
    const final = await second;
    expect([await listener.line(), await listener.line()]).toEqual([final.key, 'second']);
    await final.resign();
    await places(0);
  });
}

async function ownServer(scope: Scope): Promise<string> {
  const host = new EngineHost(runtime);
  scope.add(() => host.close());
  const server = await startServer({ runtime, host, listen: { host: '127.0.0.1', port: 0 } });
  scope.add(() => server.close());
  return `http://127.0.0.1:${server.port}`;
}

if (findEtcdctl() === undefined) {
  describeSkipped('beside etcdctl', 'no etcdctl on this machine', () => it('interoperates', () => {}));
} else {
  describe('beside etcdctl on our own server', () => besideEtcdctl(ownServer));
  describeEtcd('beside etcdctl on real etcd', ({ url }) => besideEtcdctl(async () => url));
}
