import { describe, expect, it } from 'vitest';
import { Balancer, type PickOptions } from '../../src/registry/balancer.js';
import type { EjectionOptions } from '../../src/registry/ejection.js';
import type { Instance } from '../../src/registry/instance.js';
import { powerOfTwo } from '../../src/registry/strategies/power-of-two.js';
import { random } from '../../src/registry/strategies/random.js';
import { rendezvous } from '../../src/registry/strategies/rendezvous.js';
import { roundRobin } from '../../src/registry/strategies/round-robin.js';
import { sticky } from '../../src/registry/strategies/sticky.js';
import { weighted } from '../../src/registry/strategies/weighted.js';
import { zoneFirst } from '../../src/registry/strategies/zone-first.js';
import type { Strategy } from '../../src/registry/strategy.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';

function instance(id: string, more: Partial<Instance> = {}): Instance {
  return {
    service: 'users',
    id,
    key: `services/users/${id}`,
    address: `${id}:80`,
    metadata: {},
    weight: 100,
    enabled: true,
    healthy: true,
    draining: false,
    warmUpMs: 0,
    leaseId: 1n,
    createRevision: 1n,
    modRevision: 1n,
    ...more,
  };
}

const abc = ['a', 'b', 'c'].map((id) => instance(id));

/** A balancer over `instances` on simulated time, with everything of it at hand. */
function over(instances: readonly Instance[], strategy: Strategy, ejection: EjectionOptions | false = false) {
  const runtime = new SimRuntime({ seed: 7 });
  const balancer = new Balancer(runtime, strategy, ejection);
  balancer.changed({ revision: 1n, resync: false, joined: instances, left: [], changed: [] }, false);
  const pick = (options: PickOptions = {}) => balancer.pick('users', instances, options);
  const call = (error?: unknown, options: PickOptions = {}) => {
    const picked = pick(options);
    picked.done(error);
    return picked.instance.id;
  };
  const share = (calls: number) => {
    const counts: Record<string, number> = {};
    for (let i = 0; i < calls; i++) {
      const id = call();
      counts[id] = (counts[id] ?? 0) + 1;
    }
    return counts;
  };
  return { runtime, balancer, pick, call, share };
}

describe('a strategy', () => {
  it('REGISTRY-16: roundRobin takes one after the other', () => {
    const { call } = over(abc, roundRobin());
    expect([call(), call(), call(), call()]).toEqual(['a', 'b', 'c', 'a']);
  });

  it('REGISTRY-16: random follows the weights', () => {
    const { share } = over([instance('a', { weight: 300 }), instance('b')], random());
    const { a = 0, b = 0 } = share(4_000);
    expect(a / b).toBeGreaterThan(2.5);
    expect(a / b).toBeLessThan(3.5);
  });

  it('REGISTRY-16: powerOfTwo prefers the less busy, and never the busiest of three', () => {
    const { pick } = over(abc, powerOfTwo());
    const busy = pick().instance.id;
    const open = [pick(), pick(), pick(), pick(), pick(), pick(), pick(), pick()].map((each) => each.instance.id);
    expect(open.filter((id) => id === busy).length).toBeLessThanOrEqual(3);
    for (const id of ['a', 'b', 'c']) expect([busy, ...open].filter((each) => each === id).length).toBeGreaterThan(1);
  });

  it('REGISTRY-16: weighted is even and smooth', () => {
    const fleet = [instance('a', { weight: 5 }), instance('b', { weight: 1 }), instance('c', { weight: 1 })];
    const { call } = over(fleet, weighted());
    expect(Array.from({ length: 7 }, () => call()).join('')).toBe('aabacaa');
  });

  it('REGISTRY-16: rendezvous keeps a key where it is, and moves only those of one that went', () => {
    const keys = Array.from({ length: 500 }, (_, i) => `key ${i}`);
    const all = over(abc, rendezvous());
    const fewer = over(abc.slice(0, 2), rendezvous());
    const homes = keys.map((key) => all.call(undefined, { key }));
    expect(keys.map((key) => all.call(undefined, { key }))).toEqual(homes);
    const moved = keys.filter((key, i) => homes[i] !== fewer.call(undefined, { key }));
    expect(moved.length).toBe(homes.filter((home) => home === 'c').length);
    for (const id of ['a', 'b', 'c']) expect(homes.filter((home) => home === id).length).toBeGreaterThan(120);
  });

  it('REGISTRY-16: sticky stays until its instance goes', () => {
    const strategy = sticky(roundRobin());
    const runtime = new SimRuntime({ seed: 1 });
    const balancer = new Balancer(runtime, strategy, false);
    const first = balancer.pick('users', abc, {}).instance;
    expect(balancer.pick('users', abc, {}).instance).toBe(first);
    const rest = abc.filter((each) => each !== first);
    const next = balancer.pick('users', rest, {}).instance;
    expect(balancer.pick('users', abc, {}).instance).toBe(next);
  });

  it('REGISTRY-16: zoneFirst stays in the zone as long as anybody is there', () => {
    const near = [instance('a', { zone: 'eu' }), instance('b', { zone: 'us' }), instance('c', { zone: 'eu' })];
    expect(Object.keys(over(near, zoneFirst('eu', roundRobin())).share(10)).sort()).toEqual(['a', 'c']);
    expect(Object.keys(over(near, zoneFirst('asia', roundRobin())).share(10)).sort()).toEqual(['a', 'b', 'c']);
  });
});

describe('every strategy', () => {
  const zones = [...abc, instance('d', { zone: 'eu', weight: 7, warmUpMs: 1_000 })];
  it.each<[string, () => Strategy]>([
    ['roundRobin', roundRobin],
    ['random', random],
    ['powerOfTwo', powerOfTwo],
    ['weighted', weighted],
    ['rendezvous', rendezvous],
    ['sticky', sticky],
    ['zoneFirst', () => zoneFirst('eu', powerOfTwo())],
  ])('REGISTRY-16: %s picks the same on the same clock with the same chance', async (_, strategy) => {
    const story = async () => {
      const { call, runtime } = over(zones, strategy(), { consecutiveErrors: 2, ejectMs: 500 });
      const picked: string[] = [];
      for (let i = 0; i < 200; i++) {
        picked.push(call(i % 3 === 0 ? 'down' : undefined, { exclude: i % 5 === 0 ? ['a'] : [] }));
        await runtime.advance(10);
      }
      return picked;
    };
    expect(await story()).toEqual(await story());
  });
});

describe('a balancer', () => {
  it('REGISTRY-16: leaves out what the caller excludes, and says when there is nobody', () => {
    const { call, pick } = over(abc, roundRobin());
    expect(call(undefined, { exclude: ['a', 'b'] })).toBe('c');
    expect(() => pick({ exclude: ['a', 'b', 'c'] })).toThrow(
      expect.objectContaining({ code: 'UNAVAILABLE', retryable: true }),
    );
  });

  it('REGISTRY-16: puts one aside after errors in a row, for longer each time, and takes it back', async () => {
    const { call, runtime, share } = over(abc, roundRobin(), { consecutiveErrors: 3, ejectMs: 1_000 });
    const fail = () => {
      for (let i = 0; i < 9; i++) call();
      for (let i = 0; i < 3; i++) call('down', { exclude: ['a', 'c'] });
    };
    fail();
    expect(Object.keys(share(9)).sort()).toEqual(['a', 'c']);
    await runtime.advance(1_001);
    expect(Object.keys(share(9)).sort()).toEqual(['a', 'b', 'c']);
    fail();
    await runtime.advance(1_001);
    expect(Object.keys(share(9)).sort()).toEqual(['a', 'c']);
    await runtime.advance(1_001);
    expect(Object.keys(share(9)).sort()).toEqual(['a', 'b', 'c']);
  });

  it('REGISTRY-16: puts one aside whose share of errors is too high', () => {
    const { call, share } = over(abc, roundRobin(), { failureShare: 0.4, minCalls: 10, consecutiveErrors: 100 });
    for (let i = 0; i < 10; i++) call(i % 2 === 0 ? undefined : 'sometimes', { exclude: ['b', 'c'] });
    expect(Object.keys(share(9)).sort()).toEqual(['b', 'c']);
  });

  it('REGISTRY-16: never puts more than a share aside, nor the only one', () => {
    const { call, share } = over(abc, roundRobin(), { consecutiveErrors: 1, maxShare: 0.5 });
    for (let i = 0; i < 30; i++) call('down');
    expect(Object.keys(share(9))).toHaveLength(2);
    const alone = over(abc.slice(0, 1), roundRobin(), { consecutiveErrors: 1 });
    for (let i = 0; i < 3; i++) expect(alone.call('down')).toBe('a');
  });

  it('REGISTRY-16: spares one that warms up, and less and less', async () => {
    const fresh = instance('new', { warmUpMs: 10_000 });
    const { share, runtime } = over([instance('old'), fresh], roundRobin());
    const { new: cold = 0 } = share(1_000);
    expect(cold).toBeLessThan(200);
    await runtime.advance(5_000);
    const { new: warmer = 0 } = share(1_000);
    expect(warmer).toBeGreaterThan(cold);
    await runtime.advance(5_000);
    expect(share(1_000)).toEqual({ old: 500, new: 500 });
  });

  it('REGISTRY-16: a new life under the same id warms up, and is not put aside for what the last one did', () => {
    const [old, other] = [instance('a', { owner: '1', warmUpMs: 10_000 }), instance('b')];
    const { balancer, call, share } = over([old, other], roundRobin(), { consecutiveErrors: 1 });
    const change = { revision: 2n, resync: false, joined: [], left: [] };
    balancer.changed({ ...change, changed: [{ before: old, after: { ...old, startedAtMs: 0 } }] }, true);
    for (const each of ['a', 'b']) expect(call('down', { exclude: [each === 'a' ? 'b' : 'a'] })).toBe(each);
    expect(share(10)).toEqual({ b: 10 });
    balancer.changed({ ...change, changed: [{ before: old, after: { ...old, owner: '2' } }] }, false);
    const { a = 0 } = share(1_000);
    expect(a).toBeGreaterThan(0);
    expect(a).toBeLessThan(200);
  });

  it('REGISTRY-16: a call that ends after its instance has gone says nothing of the next one with its key', () => {
    const { balancer, pick, share } = over(abc.slice(0, 2), roundRobin(), { consecutiveErrors: 1 });
    const late = pick();
    const change = { revision: 2n, resync: false, changed: [] };
    balancer.changed({ ...change, joined: [], left: [late.instance] }, false);
    late.done('down');
    balancer.changed({ ...change, joined: [late.instance], left: [] }, false);
    expect(share(10)).toEqual({ a: 5, b: 5 });
  });

  it('counts a call once, however often it is said to be done', () => {
    const { pick } = over(abc.slice(0, 2), powerOfTwo());
    const first = pick();
    first.done();
    first.done('late');
    first.done();
    expect(pick().instance.id).toBeDefined();
  });
});
