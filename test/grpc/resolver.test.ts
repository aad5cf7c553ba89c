import { connectivityState, experimental, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/connect/connect.js';
import { authorityOf } from '../../src/grpc/instance-resolver.js';
import { registerResolver } from '../../src/grpc/register-resolver.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { startServer } from '../../src/server/server.js';
import { errorOf } from '../support/sim-world.js';
import { type Caller, Fleet, outlierDetection, roundRobin } from './fleet.js';

describe('the gRPC resolver', () => {
  let fleet: Fleet;
  let conclave: Awaited<ReturnType<typeof connect>>;
  beforeEach(async () => {
    fleet = new Fleet();
    conclave = await connect('memory:');
    fleet.scope.add(() => conclave.close());
    registerResolver(conclave.registry);
  });
  afterEach(() => fleet.scope.close());

  it('spreads calls over the instances, with round_robin, under both schemes', async () => {
    for (const id of ['a', 'b', 'c']) await fleet.join(conclave, id);
    await fleet.caller('conclave:///users', roundRobin).until('a', 'b', 'c');
    await fleet.caller('etcd:///users', roundRobin).until('a', 'b', 'c');
  });

  it('sends all of a channel to one instance, with pick_first, and to the next when that goes', async () => {
    const members = [await fleet.join(conclave, 'a'), await fleet.join(conclave, 'b')];
    const caller = fleet.caller('conclave:///users');
    const [first] = await caller.round();
    expect(await caller.round()).toEqual([first]);
    const index = first === 'a' ? 0 : 1;
    await members[index]?.registration.deregister();
    members[index]?.server.forceShutdown();
    await caller.until(first === 'a' ? 'b' : 'a');
  });

  it('not every channel chooses the same instance for pick_first', async () => {
    for (const id of ['a', 'b']) await fleet.join(conclave, id);
    const seen = new Set<string>();
    // Bounded by the test's own time; each channel draws.
    while (seen.size < 2)
      seen.add(await fleet.caller('conclave:///users', { 'grpc.use_local_subchannel_pool': 1 }).ask());
    expect([...seen].sort()).toEqual(['a', 'b']);
  });

  it('follows who joins and who drains, and no call fails', async () => {
    const a = await fleet.join(conclave, 'a');
    const caller = fleet.caller('conclave:///users', roundRobin);
    await caller.until('a');
    const b = await fleet.join(conclave, 'b');
    await caller.until('a', 'b');
    // One each.
    const held = [caller.ask('wait'), caller.ask('wait')];
    const answers = Promise.allSettled(held);
    await a.registration.drain();
    await caller.until('b');
    await a.registration.deregister();
    a.release();
    expect(await Promise.race(held)).toBe('a');
    expect(await caller.round()).toEqual(['b']);
    b.release();
    expect(await answers).toMatchObject([{ status: 'fulfilled' }, { status: 'fulfilled' }]);
  });

  it('leaves out what is ill or switched off', async () => {
    for (const id of ['a', 'b']) await fleet.join(conclave, id);
    await fleet.join(conclave, 'ill', { health: () => Promise.reject(new Error('ill')) });
    const caller = fleet.caller('conclave:///users', roundRobin);
    await caller.until('a', 'b');
    await conclave.registry.setEnabled('users', 'a', false);
    await caller.until('b');
  });

  it('spares one whose calls fail, with outlier_detection, though it is registered and well', async () => {
    for (const id of ['a', 'b']) await fleet.join(conclave, id);
    await fleet.join(conclave, 'broken', { broken: true });
    const caller = fleet.caller('conclave:///users', outlierDetection);
    let failure: unknown;
    // Both bounded by the test's own time. Connections are made one after the other: at first it may not be among them.
    while (failure === undefined)
      failure = await caller.ask().then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(failure).toMatchObject({ code: status.INTERNAL });
    let answered: string[] = [];
    while (answered.join() !== 'a,b') answered = await caller.round(30).catch(() => []);
  });

  it('tells callers that there are none, until one joins', async () => {
    const caller = fleet.caller('conclave:///users', roundRobin);
    expect(await errorOf(caller.ask())).toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('no instance can be called'),
    });
    await fleet.join(conclave, 'a');
    const deadline = Date.now() + 60_000;
    expect(await new Promise((resolve) => caller.client.waitForReady(deadline, resolve))).toBeUndefined();
    await caller.until('a');
  });

  it('finds instances of the own zone first, and others when there are none', async () => {
    registerResolver(conclave.registry, { zone: 'eu', schemes: ['zoned'] });
    const near = await fleet.join(conclave, 'near', { zone: 'eu' });
    await fleet.join(conclave, 'far', { zone: 'us' });
    const caller = fleet.caller('zoned:///users', roundRobin);
    await caller.until('near');
    await near.registration.drain();
    await caller.until('far');
  });

  it('without a zone of its own finds those with one and those without', async () => {
    await fleet.join(conclave, 'zoned', { zone: 'eu' });
    await fleet.join(conclave, 'plain');
    await fleet.caller('conclave:///users', roundRobin).until('plain', 'zoned');
  });

  it("reads entries of Go's naming, and leaves out addresses that nobody can connect to", async () => {
    const { address, registration } = await fleet.join(conclave, 'a', { service: 'other' });
    await conclave.put('services/users/by-go', JSON.stringify({ Op: 0, Addr: address, Metadata: null }));
    await conclave.put('services/users/wrong', JSON.stringify({ Op: 0, Addr: 'nowhere', Metadata: null }));
    await fleet.caller('etcd:///users', roundRobin).until('a');
    await registration.deregister();
  });

  it('calls services whose names have slashes: the authority is legal', async () => {
    await fleet.join(conclave, 'a', { service: 'team/users' });
    await fleet.caller('conclave:///team/users').until('a');
    const target = { scheme: 'conclave', path: 'team/über users' };
    expect(authorityOf(target)).toBe('-ber-users');
  });

  it('begins again after the channel was idle', async () => {
    await fleet.join(conclave, 'a');
    const caller = fleet.caller('conclave:///users', { ...roundRobin, 'grpc.client_idle_timeout_ms': 1000 });
    await caller.until('a');
    await idle(caller);
    await fleet.join(conclave, 'b');
    await caller.until('a', 'b');
  });

  it('refuses a target with a host, and names that are none', async () => {
    expect(() => fleet.caller('conclave://host/users')).toThrow('a target is conclave:///SERVICE');
    const failed = await errorOf(fleet.caller('conclave:///users/').ask());
    expect(failed).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringContaining('INVALID_NAME') });
  });

  it('never calls back before updateResolution has returned, nor after destroy', async () => {
    await fleet.join(conclave, 'a');
    await fleet.caller('conclave:///users').until('a');
    let told = 0;
    const listener = () => {
      told += 1;
      return true;
    };
    const resolver = experimental.createResolver({ scheme: 'conclave', path: 'users' }, listener, {});
    resolver.updateResolution();
    expect(told).toBe(0);
    resolver.destroy();
    await fleet.join(conclave, 'b');
    await fleet.caller('conclave:///users', roundRobin).until('a', 'b');
    expect(told).toBe(0);
  });

  it('keeps the last list while the store is away', async () => {
    const store = await startServer({ runtime: new NodeRuntime(), listen: { host: '127.0.0.1', port: 0 } });
    const remote = await connect(`http://127.0.0.1:${store.port}`, { ttlMs: 2000 });
    fleet.scope.add(() => remote.close().catch(() => {}));
    registerResolver(remote.registry, { schemes: ['remote'] });
    const recovering = new Promise<void>((resolve) => {
      void fleet.join(remote, 'a').then(({ registration }) => {
        registration.events.on('status', (now) => now === 'recovering' && resolve());
      });
    });
    const caller = fleet.caller('remote:///users', roundRobin);
    await caller.client.waitForReady(Date.now() + 60_000, () => {});
    await untilAnswered(caller, 'a');
    await store.close();
    await recovering;
    await caller.until('a');
  });
});

/** Calls until somebody is there. */
async function untilAnswered(caller: Caller, id: string): Promise<void> {
  // Bounded by the test's own time.
  let answer = '';
  while (answer !== id) answer = await caller.ask().catch(() => '');
}

/** Resolves when the channel has given up its connections. */
function idle(caller: Caller): Promise<void> {
  const channel = caller.client.getChannel();
  return new Promise((resolve) => {
    const look = () => {
      const state = channel.getConnectivityState(false);
      if (state === connectivityState.IDLE) resolve();
      else channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, look);
    };
    look();
  });
}
